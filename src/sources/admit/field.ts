import { finding, type Finding } from '../../model/finding.ts';
import type { FindingReason } from '../../model/codes.ts';
import type { ObjectRef } from '../../model/object.ts';

/** Where a raw object comes from. An API server has validated it and dropped its unknown fields; those that it has are new, not wrong. */
export type Origin = 'manifest' | 'api-server';

/** Where the Findings of one object are gathered while it is admitted. */
export class Findings {
  readonly ref: ObjectRef;
  readonly origin: Origin;
  readonly list: Finding[] = [];
  /** Paths of objects in which an unknown field stands, with its name. */
  readonly unknownFields = new Map<string, readonly string[]>();
  /** A field that is read for two purposes has one mistake. */
  readonly #reported = new Set<string>();

  constructor(ref: ObjectRef, origin: Origin) {
    this.ref = ref;
    this.origin = origin;
  }

  add(reason: FindingReason, field: string, message: string, remedy?: string): void {
    const mistake = `${reason} ${field} ${message}`;
    if (this.#reported.has(mistake)) return;
    this.#reported.add(mistake);
    this.list.push(finding(reason, this.ref, field, message, remedy));
  }
}

/**
 * A value somewhere inside a raw object, with its JSON path. Reading it as what it should be either
 * works, or adds a Finding and gives undefined; absent (or null, as the API treats it) is no mistake.
 */
export class Field {
  readonly path: string;
  readonly #value: unknown;
  readonly #findings: Findings;

  constructor(value: unknown, path: string, findings: Findings) {
    this.#value = value === null ? undefined : value;
    this.path = path;
    this.#findings = findings;
  }

  get origin(): Origin {
    return this.#findings.origin;
  }

  get isAbsent(): boolean {
    return this.#value === undefined;
  }

  /** Whether it is absent or a list without items. */
  get isEmpty(): boolean {
    return this.isAbsent || (Array.isArray(this.#value) && this.#value.length === 0);
  }

  get isObject(): boolean {
    return isRecord(this.#value);
  }

  get isList(): boolean {
    return Array.isArray(this.#value);
  }

  /**
   * Names of its members that its kind does not have. Where a field is absent, one of them may well be that field, misspelt: what its
   * absence would open to everybody has to stay closed.
   */
  get unknownNames(): readonly string[] {
    return this.#findings.unknownFields.get(this.path) ?? [];
  }

  /** Remembers a member that its kind does not have; whoever calls reports it. */
  markUnknown(name: string): void {
    this.#findings.unknownFields.set(this.path, [...this.unknownNames, name]);
  }

  /** The member `name` of an object; anything that is none has a Finding, and no members. */
  at(name: string): Field {
    if (!this.isAbsent && !this.isObject) this.#wrong('an object');
    const path =
      this.path === '' ? name : /^[A-Za-z0-9]+$/.test(name) ? `${this.path}.${name}` : `${this.path}["${name}"]`;
    return new Field(isRecord(this.#value) ? this.#value[name] : undefined, path, this.#findings);
  }

  /** The names of the members of an object; none of anything that is none. */
  names(): readonly string[] {
    return isRecord(this.#value) ? Object.keys(this.#value) : [];
  }

  /** The items of a list. */
  items(): readonly Field[] {
    if (this.#value === undefined) return [];
    if (!Array.isArray(this.#value)) {
      this.#wrong('a list');
      return [];
    }
    return this.#value.map((item: unknown, index) => new Field(item, `${this.path}[${String(index)}]`, this.#findings));
  }

  /**
   * What `admit` makes of the items of a list. The result is as long as it must be: an array that grew (as those of flatMap do)
   * keeps room for sixteen more items, which is most of what the small lists of a large cluster would take.
   */
  flatMap<Item>(admit: (item: Field) => Item | readonly Item[]): readonly Item[] {
    const admitted = this.items().flatMap(admit);
    return admitted.length === 0 ? NOTHING : admitted.slice();
  }

  /** The members of an object whose values are strings, such as annotations; others are Findings. */
  texts(): ReadonlyMap<string, string> {
    const result = new Map<string, string>();
    if (this.#value === undefined) return result;
    if (!isRecord(this.#value)) {
      this.#wrong('an object');
      return result;
    }
    for (const name of Object.keys(this.#value)) {
      const text = this.at(name).text();
      if (text !== undefined) result.set(name, text);
    }
    return result;
  }

  text(): string | undefined {
    if (this.#value === undefined || typeof this.#value === 'string') return this.#value;
    this.#wrong('a string');
    return undefined;
  }

  /** The same of what nobody is to see, right or wrong. */
  secretText(): string | undefined {
    if (this.#value === undefined || typeof this.#value === 'string') return this.#value;
    this.add('ObjectMalformed', 'is not a string: put it in quotes');
    return undefined;
  }

  /** YAML 1.1, which kubectl reads, has more words for it than YAML 1.2; they come as text. */
  boolean(): boolean | undefined {
    if (this.#value === undefined || typeof this.#value === 'boolean') return this.#value;
    const word = typeof this.#value === 'string' ? YAML_1_1_BOOLEANS.get(this.#value.toLowerCase()) : undefined;
    if (word !== undefined) return word;
    this.#wrong('true or false');
    return undefined;
  }

  number(): number | undefined {
    if (this.#value === undefined || (typeof this.#value === 'number' && Number.isInteger(this.#value)))
      return this.#value;
    this.#wrong('an integer');
    return undefined;
  }

  /** An int-or-string, as ports are. */
  numberOrText(): number | string | undefined {
    if (typeof this.#value === 'string') return this.#value;
    return this.number();
  }

  add(reason: FindingReason, message: string, remedy?: string): void {
    this.#findings.add(reason, this.path, message, remedy);
  }

  #wrong(expected: string): void {
    this.add('ObjectMalformed', `is ${describe(this.#value)}, not ${expected}`);
  }
}

const NOTHING: readonly never[] = [];

const YAML_1_1_BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['yes', true],
  ['on', true],
  ['no', false],
  ['off', false],
]);

function describe(value: unknown): string {
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'string') return shown(value);
  return typeof value === 'object' ? 'an object' : JSON.stringify(value);
}

/** A user's string in a message: quoted, escaped and cut, since it may be 64 KB of control characters. */
export function shown(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}

/** Whether a value is a JSON object. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
