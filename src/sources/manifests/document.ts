import { createHash } from 'node:crypto';
import { isNode, LineCounter, parseAllDocuments } from 'yaml';
import { isRecord } from '../admit/field.ts';

/** The largest object that an API server takes (etcd's request limit, 1.5 MiB, less its overhead), in characters. */
export const MAX_OBJECT_LENGTH = 1024 * 1024;

/** A single object of a file, not yet admitted. */
export interface RawDocument {
  readonly raw: unknown;
  /** 1-based line on which it starts. */
  readonly line: number;
  /** Position among the documents of the file. */
  readonly index: number;
  /** Position in the List that the document is; undefined when it is none. */
  readonly item: number | undefined;
  /** Equal for equal contents. */
  readonly digest: string;
  /** More than {@link MAX_OBJECT_LENGTH} characters long. */
  readonly isTooLarge: boolean;
}

/** What a file holds, or why it cannot be read, with the line of the first mistake. */
export type ParsedFile =
  | { readonly kind: 'documents'; readonly documents: readonly RawDocument[] }
  | { readonly kind: 'broken'; readonly message: string; readonly line: number };

/**
 * Splits a manifest into objects: YAML documents (JSON is YAML), with the items of `List` objects
 * as objects of their own. A file with a syntax error anywhere is broken as a whole, since where a
 * document ends cannot be told then.
 */
export function parseFile(text: string): ParsedFile {
  const lineCounter = new LineCounter();
  // At its usual level the parser writes warnings to standard error, past our log.
  const parsed = parseAllDocuments(text, { lineCounter, prettyErrors: false, uniqueKeys: true, logLevel: 'error' });
  const documents: RawDocument[] = [];
  for (const [index, document] of [...parsed].entries()) {
    const [error] = document.errors;
    if (error !== undefined) {
      const { line } = lineCounter.linePos(error.pos[0]);
      return { kind: 'broken', message: error.message, line };
    }
    // A document may start with blank lines and comments; its first key is where a person looks.
    const start = document.contents?.range?.[0] ?? 0;
    const end = document.contents?.range?.[2] ?? 0;
    const { line } = lineCounter.linePos(start);
    const source = text.slice(start, end);
    const lineOfItem = (item: number): number => {
      const node = document.getIn(['items', item], true);
      return isNode(node) && node.range ? lineCounter.linePos(node.range[0]).line : line;
    };
    const content = contentOf(document);
    if (typeof content === 'string') return { kind: 'broken', message: content, line };
    const whole = {
      line,
      index,
      item: undefined,
      digest: digestOf(source),
      isTooLarge: source.length > MAX_OBJECT_LENGTH,
    };
    documents.push(...objectsOf({ ...whole, raw: content.value }, lineOfItem));
  }
  return { kind: 'documents', documents };
}

/** The value of a document, or what is wrong with it: aliases that expand without end are refused here. */
function contentOf(document: {
  toJS(options: { maxAliasCount: number }): unknown;
}): { readonly value: unknown } | string {
  try {
    return { value: document.toJS({ maxAliasCount: 100 }) };
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message : String(thrown);
  }
}

function objectsOf(document: RawDocument, lineOfItem: (item: number) => number): readonly RawDocument[] {
  const { raw, index } = document;
  if (raw === null || raw === undefined) return [];
  const items =
    isRecord(raw) && typeof raw['kind'] === 'string' && raw['kind'].endsWith('List') ? raw['items'] : undefined;
  if (!Array.isArray(items)) return [document];
  return items.map((value: unknown, item) => {
    const text = JSON.stringify(value);
    const isTooLarge = text.length > MAX_OBJECT_LENGTH;
    return { raw: value, line: lineOfItem(item), index, item, digest: digestOf(text), isTooLarge };
  });
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('base64');
}
