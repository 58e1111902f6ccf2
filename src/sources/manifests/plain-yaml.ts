import {
  boolCoreTag,
  constructFromEvents,
  defineMappingTag,
  defineScalarTag,
  EVENT_ID,
  getScalarValue,
  NOT_RESOLVED,
  nullCoreTag,
  parseEvents,
  Schema,
  seqTag,
  strTag,
  type Event,
} from 'js-yaml';
import { isRecord } from '../../lib/is-record.ts';

/** A document of plain YAML. */
export interface PlainDocument {
  readonly value: Readonly<Record<string, unknown>>;
  /** Where its first key stands, as an offset. */
  readonly start: number;
  /** Where each of its `items` stands; empty where that is no list. */
  readonly items: readonly number[];
}

/**
 * Reads one document of plain YAML: a mapping without anchors, aliases, tags and merge keys, whose keys are text, and whose numbers are
 * decimal. Nearly every manifest is that, and it takes a tenth of the time in which the `yaml` package, which knows the place of every
 * error and all of YAML 1.1 that kubectl takes, reads the same.
 *
 * Undefined for whatever else, mistakes included: then that package decides what the text is. So where both read a text, they have to read
 * the same from it, which a test holds them to.
 */
export function parsePlainYaml(text: string): PlainDocument | undefined {
  if (DISPUTED.test(text)) return undefined;
  try {
    const events = parseEvents(text, {});
    const [document, root] = events;
    if (document?.type !== EVENT_ID.DOCUMENT || document.directives.length > 0) return undefined;
    if (root?.type !== EVENT_ID.MAPPING || !events.every(isPlain)) return undefined;
    const values = constructFromEvents(events, { source: text, schema: PLAIN });
    const [value] = values;
    if (values.length !== 1 || !isRecord(value)) return undefined;
    return { value, start: root.start, items: Array.isArray(value['items']) ? itemsIn(events, text) : [] };
  } catch {
    // Not only its own errors: what is nested very deeply overflows the stack.
    return undefined;
  }
}

/**
 * What the two parsers do not read alike: tabs, a return alone, marks of documents within a text or indented, and block scalars that say how far
 * they are indented.
 */
const DISPUTED = /\t|\r(?!\n)|^ +---|^\.\.\.|[|>][-+]?[1-9]/m;

/** Neither an alias, nor with an anchor or a tag. */
function isPlain(event: Event): boolean {
  if (event.type === EVENT_ID.ALIAS) return false;
  return !('tagStart' in event) || (event.tagStart < 0 && event.anchorStart < 0);
}

/** Where the items of the member `items` of the root start. */
function itemsIn(events: readonly Event[], text: string): readonly number[] {
  const starts: number[] = [];
  let depth = 0;
  /** Of the root's keys and values, which follow each other in turn. */
  let begun = 0;
  let isInItems = false;
  for (const event of events.slice(2)) {
    if (event.type === EVENT_ID.POP) {
      depth -= 1;
      continue;
    }
    const isScalar = event.type === EVENT_ID.SCALAR;
    if (depth === 0) begun += 1;
    if (depth === 0 && begun % 2 === 1) isInItems = isScalar && getScalarValue(text, event) === 'items';
    if (depth === 1 && isInItems) starts.push(isScalar ? event.valueStart : 'start' in event ? event.start : -1);
    if (!isScalar) depth += 1;
  }
  return starts;
}

/** What the `yaml` package takes for a number, by its core schema and OCTAL of document.ts. */
const NUMBER =
  /^(?:0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|[-+]?(?:\.\d+|\d+(?:\.\d*)?)(?:[eE][-+]?\d+)?)$/;

const DECIMAL = /^-?(?:0|[1-9]\d{0,14})$/;

class NotPlain extends Error {}

const numberTag = defineScalarTag<number>('tag:yaml.org,2002:int', {
  implicit: true,
  implicitFirstChars: '0123456789+-.'.split(''),
  resolve: (source) => {
    if (DECIMAL.test(source)) return Number(source);
    if (NUMBER.test(source)) throw new NotPlain('a number in another form');
    return NOT_RESOLVED;
  },
  identify: () => false,
});

const textKeysTag = defineMappingTag<Record<string, unknown>>('tag:yaml.org,2002:map', {
  create: () => ({}),
  addPair: (carrier, key, value) => {
    if (typeof key !== 'string' || key === '<<' || key === '__proto__') return 'not plain';
    carrier[key] = value;
    return '';
  },
  has: (carrier, key) => typeof key === 'string' && Object.hasOwn(carrier, key),
  keys: (result) => Object.keys(result),
  get: (result, key) => (typeof key === 'string' ? result[key] : undefined),
  identify: () => false,
});

const PLAIN = new Schema([strTag, nullCoreTag, boolCoreTag, numberTag, seqTag, textKeysTag]);
