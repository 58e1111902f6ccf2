import { isMap, isNode, isScalar, isSeq, LineCounter, parseAllDocuments, type Document } from 'yaml';
import { YAML_OPTIONS } from './document.ts';
import { sectionsOf } from './sections.ts';

interface LinedDocument {
  readonly document: Document;
  readonly lineCounter: LineCounter;
  /** Lines of the file above what `lineCounter` counts. */
  readonly above: number;
}

/**
 * The lines of the fields of a manifest. It parses the text again and keeps the whole syntax tree, which is
 * why only who prints lines makes one.
 */
export class FieldLines {
  readonly #documents: LinedDocument[] = [];

  constructor(text: string) {
    for (const section of sectionsOf(text)) {
      const lineCounter = new LineCounter();
      for (const document of parseAllDocuments(section.text, { ...YAML_OPTIONS, lineCounter }))
        this.#documents.push({ document, lineCounter, above: section.line - 1 });
    }
  }

  /**
   * The 1-based line of a field, given by its JSON path (`spec.rules[0].host`) in the document at `index`, or in
   * the item at `item` of the List there. Of a field that is absent, the line of the nearest one around it that
   * is there.
   */
  lineOf(index: number, item: number | undefined, field: string): number {
    const steps = [...(item === undefined ? [] : ['items', item]), ...stepsOf(field)];
    const lined = this.#documents[index];
    if (lined === undefined) return 1;
    let node: unknown = lined.document.contents;
    let offset = startOf(node) ?? 0;
    for (const step of steps) {
      const next = typeof step === 'number' ? itemAt(node, step) : memberOf(node, step);
      if (next === undefined) break;
      node = next.value;
      offset = startOf(next.place) ?? offset;
    }
    return lined.above + lined.lineCounter.linePos(offset).line;
  }
}

/** A value, and the node whose beginning is where a person looks for it: the key of a member, an item itself. */
interface Child {
  readonly place: unknown;
  readonly value: unknown;
}

function memberOf(node: unknown, name: string): Child | undefined {
  if (!isMap(node)) return undefined;
  const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === name);
  return pair === undefined ? undefined : { place: pair.key, value: pair.value };
}

function itemAt(node: unknown, index: number): Child | undefined {
  if (!isSeq(node) || index >= node.items.length) return undefined;
  const item = node.items[index];
  return { place: item, value: item };
}

/** Undefined for what stands nowhere in the text. */
function startOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

/** `spec.rules[0].host` as its steps; `["a.b"]` is a member whose name is no plain word. */
function stepsOf(field: string): readonly (string | number)[] {
  return [...field.matchAll(/\["([^"]*)"\]|\[(\d+)\]|([^.[\]]+)/g)].map(([, quoted, index, word]) =>
    index === undefined ? (quoted ?? word ?? '') : Number(index),
  );
}
