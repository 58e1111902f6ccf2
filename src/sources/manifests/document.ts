import { hash } from 'node:crypto';
import {
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  parseAllDocuments,
  type Document,
  type DocumentOptions,
  type ParseOptions,
  type ScalarTag,
  type SchemaOptions,
} from 'yaml';
import { messageOf } from '../../lib/fault.ts';
import { isRecord } from '../../lib/is-record.ts';
import { countMembers } from './json-text.ts';
import { parsePlainYaml } from './plain-yaml.ts';
import { linesOf, sectionsOf, type Section } from './sections.ts';

/** The largest object that an API server takes (etcd's request limit, 1.5 MiB, less its overhead), in characters. */
export const MAX_OBJECT_LENGTH = 1024 * 1024;

/** The YAML parser takes some hundred times the memory of what it reads: what is longer has to be JSON or several documents, in characters. */
const MAX_YAML_LENGTH = 8 * 1024 * 1024;

/** By how much aliases may make a document longer, in characters: nobody needs that much, and a bomb is longer by powers of ten. */
const MAX_EXPANSION = 8 * 1024 * 1024;

/** A single object of a file, not yet admitted. */
export interface RawDocument {
  readonly raw: unknown;
  /** 1-based line on which it starts, in what was parsed. */
  readonly line: number;
  /** Position among the documents of what was parsed. */
  readonly index: number;
  /** Position in the List that the document is; undefined when it is none. */
  readonly item: number | undefined;
  /** `raw` as JSON. */
  readonly json: string;
  /** Equal for equal contents. */
  readonly digest: string;
  /** More than {@link MAX_OBJECT_LENGTH} characters long. */
  readonly isTooLarge: boolean;
}

/** What a file or section holds, or why it cannot be read, with the line of the first mistake. */
export type ParsedFile =
  | {
      readonly kind: 'documents';
      readonly documents: readonly RawDocument[];
      /** How many documents there are, with those that hold nothing and Lists as one. */
      readonly count: number;
    }
  | { readonly kind: 'broken'; readonly message: string; readonly line: number };

/**
 * Splits a manifest into objects: YAML documents and JSON values, with the items of `List` objects as objects of their own. What
 * kubectl's parser takes is taken. A file with a syntax error anywhere is broken as a whole, since where a document ends cannot be
 * told then.
 */
export function parseFile(text: string): ParsedFile {
  const documents: RawDocument[] = [];
  let count = 0;
  for (const section of sectionsOf(text)) {
    const parsed = parseSection(section);
    const above = section.line - 1;
    if (parsed.kind === 'broken') return { ...parsed, line: parsed.line + above };
    for (const document of parsed.documents)
      documents.push({ ...document, line: document.line + above, index: document.index + count });
    count += parsed.count;
  }
  return { kind: 'documents', documents, count };
}

/** The objects of a section; lines count from the start of that. */
export function parseSection(section: Section): ParsedFile {
  const { text, json } = section;
  if (json !== undefined) {
    const value: unknown = JSON.parse(text);
    // The YAML parser says which name stands twice, and where.
    if (countMembers(value) === json.members) {
      const lineAt = linesOf(text);
      const lineOfItem = (item: number): number => lineAt(json.items[item] ?? 0);
      return { kind: 'documents', documents: objectsOf(value, 0, 1, text.length, lineOfItem), count: 1 };
    }
  }
  if (text.length > MAX_YAML_LENGTH) {
    const message = `a YAML document of ${String(text.length)} characters is too long: write its objects as documents of their own, or as JSON`;
    return { kind: 'broken', message, line: 1 };
  }
  const plain = parsePlainYaml(text);
  // What is too large alone has to have its length as the other parser counts it.
  if (plain !== undefined && (plain.items.length > 0 || text.length <= MAX_OBJECT_LENGTH)) {
    const lineAt = linesOf(text);
    const lineOfItem = (item: number): number => lineAt(plain.items[item] ?? plain.start);
    return {
      kind: 'documents',
      documents: objectsOf(plain.value, 0, lineAt(plain.start), text.length, lineOfItem),
      count: 1,
    };
  }
  return parseYaml(text);
}

function parseYaml(text: string): ParsedFile {
  const lineCounter = new LineCounter();
  const documents: RawDocument[] = [];
  const parsed = [...parseAllDocuments(text, { ...YAML_OPTIONS, lineCounter })];
  for (const [index, document] of parsed.entries()) {
    const [error] = document.errors;
    if (error !== undefined) {
      const { line } = lineCounter.linePos(error.pos[0]);
      return { kind: 'broken', message: error.message, line };
    }
    // A document may start with blank lines and comments; its first key is where a person looks.
    const [start = 0, , end = 0] = document.contents?.range ?? [];
    const { line } = lineCounter.linePos(start);
    const lineOfItem = (item: number): number => {
      const node = document.getIn(['items', item], true);
      return isNode(node) && node.range ? lineCounter.linePos(node.range[0]).line : line;
    };
    const content = contentOf(document, text.includes('*'));
    if (typeof content === 'string') return { kind: 'broken', message: content, line };
    documents.push(...objectsOf(content.value, index, line, end - start, lineOfItem));
  }
  return { kind: 'documents', documents, count: parsed.length };
}

/**
 * YAML 1.2, with what of YAML 1.1 kubectl's parser takes besides and has another meaning otherwise: merge keys, and octal numbers.
 * `yes`, `no`, `on` and `off` stay text, which is what is meant where they stand for a name; where true or false is wanted, they are
 * read as that (sources/admit/field.ts).
 */
export const YAML_OPTIONS: ParseOptions & DocumentOptions & SchemaOptions = {
  prettyErrors: false,
  uniqueKeys: true,
  merge: true,
  customTags: (tags) => [OCTAL, ...tags],
  // At its usual level the parser writes warnings to standard error, past our log.
  logLevel: 'error',
};

const OCTAL: ScalarTag = {
  tag: 'tag:yaml.org,2002:int',
  default: true,
  test: /^[-+]?0[0-7]+$/,
  resolve: (text) => Number.parseInt(text, 8),
};

/** The value of a document, or what is wrong with it: aliases that expand without end are refused here. */
function contentOf(document: Document.Parsed, mayHaveAliases: boolean): { readonly value: unknown } | string {
  if (mayHaveAliases && lengthOf(document.contents, new Map()) - lengthWithoutAliases(document) > MAX_EXPANSION)
    return 'the aliases of the document expand to far more than an object may have';
  try {
    // The count says nothing: a flat anchor may well be used a thousand times.
    const value: unknown = document.toJS({ maxAliasCount: -1 });
    // Of anchors inside of themselves no JSON can be made.
    if (mayHaveAliases) JSON.stringify(value);
    return { value };
  } catch (thrown) {
    const message = messageOf(thrown);
    return message.startsWith('Converting circular') ? 'an alias stands inside of its own anchor' : message;
  }
}

function lengthWithoutAliases(document: Document.Parsed): number {
  const [start = 0, , end = 0] = document.contents?.range ?? [];
  return end - start;
}

/** The length of a node with all aliases expanded, in characters or somewhat less; anchors are remembered as they are passed. */
function lengthOf(node: unknown, anchors: Map<string, number>): number {
  if (isAlias(node)) return anchors.get(node.source) ?? 0;
  let length = 1;
  if (isScalar(node)) length = node.range === undefined || node.range === null ? 1 : node.range[1] - node.range[0];
  else if (isMap(node))
    for (const { key, value } of node.items) length += lengthOf(key, anchors) + lengthOf(value, anchors);
  else if (isSeq(node)) for (const item of node.items) length += lengthOf(item, anchors);
  if (isNode(node) && 'anchor' in node && node.anchor !== undefined) anchors.set(node.anchor, length);
  return length;
}

function objectsOf(
  value: unknown,
  index: number,
  line: number,
  length: number,
  lineOfItem: (item: number) => number,
): readonly RawDocument[] {
  if (value === null || value === undefined) return [];
  const items =
    isRecord(value) && typeof value['kind'] === 'string' && value['kind'].endsWith('List') ? value['items'] : undefined;
  if (!Array.isArray(items)) return [rawDocument(value, index, line, undefined, length)];
  return items.map((item: unknown, position) => rawDocument(item, index, lineOfItem(position), position, 0));
}

function rawDocument(
  value: unknown,
  index: number,
  line: number,
  item: number | undefined,
  length: number,
): RawDocument {
  const json = JSON.stringify(value);
  const isTooLarge = Math.max(json.length, length) > MAX_OBJECT_LENGTH;
  return { raw: value, json, line, index, item, digest: digestOf(json), isTooLarge };
}

/** Equal for equal texts. */
export function digestOf(text: string): string {
  return hash('sha256', text, 'base64');
}
