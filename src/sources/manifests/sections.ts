import { scanJson, type JsonValue } from './json-text.ts';

/** A part of a manifest that is parsed by itself: most often one document. */
export interface Section {
  readonly text: string;
  /** 1-based line of the file on which `text` starts. */
  readonly line: number;
  /** Where the text is JSON, as its structure says; undefined of YAML. */
  readonly json: JsonValue | undefined;
}

/** `---` at the start of a line ends a document whatever it stands in (YAML 1.2.2, 9.1.2), and so it does for kubectl. */
const SEPARATOR = /(?:^|\n)(?=---(?:[ \t\r\n]|$))/g;

/** A directive is for the document below the next `---`. */
const DIRECTIVE = /(?:^|\n)%/;

/**
 * Splits a manifest at its `---`, and what is JSON into its values: a document that is wrong is found without parsing the others, and
 * one that has not changed need not be parsed again. Lazy, because a file may have very many.
 */
export function* sectionsOf(text: string): Generator<Section, void> {
  if (DIRECTIVE.test(text)) return yield* valuesOf(text, 1);
  let start = 0;
  let line = 1;
  for (const match of text.matchAll(SEPARATOR)) {
    const end = match.index + match[0].length;
    const part = text.slice(start, end);
    if (part !== '') yield* valuesOf(part, line);
    line += countLines(part);
    start = end;
  }
  yield* valuesOf(text.slice(start), line);
}

/** The values of a stream of JSON as sections of their own; anything else as it is. */
function* valuesOf(part: string, line: number): Generator<Section, void> {
  const separator = /^---[ \t]*(?:#.*)?(?:\r?\n|$)/.exec(part)?.[0] ?? '';
  const rest = part.slice(separator.length);
  const values = /^\s*[{[]/.test(rest) ? scanJson(rest) : undefined;
  if (values === undefined || !values.every((value) => isJson(rest.slice(value.start, value.end)))) {
    yield { text: part, line, json: undefined };
    return;
  }
  let at = line + countLines(separator);
  let offset = 0;
  for (const { start, end, items, members } of values) {
    at += countLines(rest.slice(offset, start));
    offset = start;
    const json = { start: 0, end: end - start, members, items: items.map((item) => item - start) };
    yield { text: rest.slice(start, end), line: at, json };
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** How many line ends there are in a text. */
export function countLines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
}

/** Gives the 1-based line of a place in a text. Cheap where one place after the other is asked for, from the first to the last. */
export function linesOf(text: string): (offset: number) => number {
  let line = 1;
  let counted = 0;
  return (offset) => {
    if (offset < counted) [line, counted] = [1, 0];
    line += countLines(text.slice(counted, offset));
    counted = offset;
    return line;
  };
}
