import { fnv1a } from './hash.ts';

/**
 * An immutable map from strings with structural sharing: `set` and `delete` copy only the path to one
 * leaf, and {@link diff} skips every subtree that two maps share. That is what makes a change cost
 * what it touches instead of what the cluster holds.
 *
 * It is a hash array mapped trie (Bagwell 2001) of 32-way branches over a 32-bit FNV-1a hash. The
 * shape depends only on the contents, never on the order of insertion, so that equal contents meet
 * in equal places when two maps are compared.
 */
export class PersistentMap<V> {
  readonly #root: Node<V> | undefined;
  readonly size: number;

  private constructor(root: Node<V> | undefined, size: number) {
    this.#root = root;
    this.size = size;
  }

  /** The map without entries. */
  static empty<V>(): PersistentMap<V> {
    return new PersistentMap<V>(undefined, 0);
  }

  /** A map of the given entries; of two entries with one key the later wins. */
  static from<V>(entries: Iterable<readonly [string, V]>): PersistentMap<V> {
    let map = PersistentMap.empty<V>();
    for (const [key, value] of entries) map = map.set(key, value);
    return map;
  }

  get(key: string): V | undefined {
    return this.#at(hashOf(key), key);
  }

  #at(hash: number, key: string): V | undefined {
    let node = this.#root;
    for (let shift = 0; node !== undefined; shift += BITS) {
      if (node.kind === 'entry') return node.key === key ? node.value : undefined;
      if (node.kind === 'collision') return node.entries.find((entry) => entry.key === key)?.value;
      node = childAt(node, slotOf(hash, shift));
    }
    return undefined;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  /** This map with `key` set to `value`; this very map when it already holds that same value. */
  set(key: string, value: V): PersistentMap<V> {
    const hash = hashOf(key);
    const before = this.#at(hash, key);
    if (before === value && before !== undefined) return this;
    const root = insert(this.#root, { kind: 'entry', hash, key, value }, 0);
    return new PersistentMap(root, before === undefined ? this.size + 1 : this.size);
  }

  /** This map without `key`; this very map when it has no such key. */
  delete(key: string): PersistentMap<V> {
    if (!this.has(key) || this.#root === undefined) return this;
    return new PersistentMap(remove(this.#root, hashOf(key), key, 0), this.size - 1);
  }

  /** Entries in an order that depends on the contents alone. Sort them before showing them to a person. */
  *entries(): IterableIterator<readonly [string, V]> {
    if (this.#root !== undefined) yield* walk(this.#root);
  }

  *keys(): IterableIterator<string> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): IterableIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  /** Entries sorted by key, in code unit order. */
  sorted(): readonly (readonly [string, V])[] {
    return [...this.entries()].sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /**
   * Calls `visit` for each key whose value is not the same object in both maps: `before` is undefined
   * for an added key, `after` for a removed one.
   */
  static diff<V>(
    before: PersistentMap<V>,
    after: PersistentMap<V>,
    visit: (key: string, before: V | undefined, after: V | undefined) => void,
  ): void {
    diffNodes(before.#root, after.#root, 0, visit);
  }
}

const BITS = 5;
const WIDTH = 1 << BITS;

/** One key. It is a node by itself, as small as it can be, since a large cluster makes a hundred thousand of them. */
interface Entry<V> {
  readonly kind: 'entry';
  readonly hash: number;
  readonly key: string;
  readonly value: V;
}

/** Several keys that have one 32-bit hash. */
interface Collision<V> {
  readonly kind: 'collision';
  readonly hash: number;
  /** Sorted by key, so that colliding keys too have one order only. */
  readonly entries: readonly Entry<V>[];
}

type Leaf<V> = Entry<V> | Collision<V>;

interface Branch<V> {
  readonly kind: 'branch';
  /** Bit `n` says that slot `n` has a child; the children stand in slot order. */
  readonly bitmap: number;
  readonly children: readonly Node<V>[];
}

type Node<V> = Leaf<V> | Branch<V>;

function hashOf(key: string): number {
  const hash = fnv1a(key);
  // FNV leaves the low bits of short, similar keys close together; one mixing step spreads them.
  return Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
}

function slotOf(hash: number, shift: number): number {
  return (hash >>> shift) & (WIDTH - 1);
}

function popCount(bits: number): number {
  let rest = bits - ((bits >>> 1) & 0x55555555);
  rest = (rest & 0x33333333) + ((rest >>> 2) & 0x33333333);
  return Math.imul((rest + (rest >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

function indexOf(bitmap: number, slot: number): number {
  return popCount(bitmap & ((1 << slot) - 1));
}

function childAt<V>(branch: Branch<V>, slot: number): Node<V> | undefined {
  return (branch.bitmap & (1 << slot)) === 0 ? undefined : branch.children[indexOf(branch.bitmap, slot)];
}

function entriesOf<V>(leaf: Leaf<V> | undefined): readonly Entry<V>[] {
  if (leaf === undefined) return [];
  return leaf.kind === 'entry' ? [leaf] : leaf.entries;
}

/** The leaf of entries that have one hash. */
function leafOf<V>(entries: readonly Entry<V>[]): Leaf<V> | undefined {
  const [first] = entries;
  if (first === undefined || entries.length === 1) return first;
  return { kind: 'collision', hash: first.hash, entries };
}

function insert<V>(node: Node<V> | undefined, added: Entry<V>, shift: number): Node<V> {
  if (node === undefined) return added;
  const { hash, key } = added;
  if (node.kind !== 'branch') {
    if (node.hash !== hash) return insert(branchOf(node, shift), added, shift);
    const others = entriesOf(node).filter((entry) => entry.key !== key);
    if (others.length === 0) return added;
    return { kind: 'collision', hash, entries: [...others, added].sort((a, b) => (a.key < b.key ? -1 : 1)) };
  }
  const slot = slotOf(hash, shift);
  const index = indexOf(node.bitmap, slot);
  const child = childAt(node, slot);
  const next = insert(child, added, shift + BITS);
  const children = child === undefined ? node.children.toSpliced(index, 0, next) : node.children.with(index, next);
  return { kind: 'branch', bitmap: node.bitmap | (1 << slot), children };
}

function branchOf<V>(node: Leaf<V>, shift: number): Branch<V> {
  return { kind: 'branch', bitmap: 1 << slotOf(node.hash, shift), children: [node] };
}

function remove<V>(node: Node<V>, hash: number, key: string, shift: number): Node<V> | undefined {
  if (node.kind !== 'branch') return leafOf(entriesOf(node).filter((entry) => entry.key !== key));
  const slot = slotOf(hash, shift);
  const child = childAt(node, slot);
  if (child === undefined) return node;
  const index = indexOf(node.bitmap, slot);
  const next = remove(child, hash, key, shift + BITS);
  const children = next === undefined ? node.children.toSpliced(index, 1) : node.children.with(index, next);
  const only = children[0];
  if (only === undefined) return undefined;
  // A branch over a single leaf is replaced by it: the shape must be the one that insertion alone makes.
  if (children.length === 1 && only.kind !== 'branch') return only;
  return { kind: 'branch', bitmap: next === undefined ? node.bitmap & ~(1 << slot) : node.bitmap, children };
}

function* walk<V>(node: Node<V>): IterableIterator<readonly [string, V]> {
  if (node.kind !== 'branch') {
    for (const { key, value } of entriesOf(node)) yield [key, value];
    return;
  }
  for (const child of node.children) yield* walk(child);
}

function diffNodes<V>(
  before: Node<V> | undefined,
  after: Node<V> | undefined,
  shift: number,
  visit: (key: string, before: V | undefined, after: V | undefined) => void,
): void {
  if (before === after) return;
  if (before?.kind !== 'branch' && after?.kind !== 'branch') {
    diffEntries(entriesOf(before), entriesOf(after), visit);
    return;
  }
  const left = before === undefined || before.kind === 'branch' ? before : branchOf(before, shift);
  const right = after === undefined || after.kind === 'branch' ? after : branchOf(after, shift);
  for (let slot = 0; slot < WIDTH; slot += 1) {
    const leftChild = left === undefined ? undefined : childAt(left, slot);
    const rightChild = right === undefined ? undefined : childAt(right, slot);
    diffNodes(leftChild, rightChild, shift + BITS, visit);
  }
}

function diffEntries<V>(
  before: readonly Entry<V>[],
  after: readonly Entry<V>[],
  visit: (key: string, before: V | undefined, after: V | undefined) => void,
): void {
  for (const { key, value } of before) {
    const other = after.find((entry) => entry.key === key)?.value;
    if (other !== value) visit(key, value, other);
  }
  for (const { key, value } of after) {
    if (!before.some((entry) => entry.key === key)) visit(key, undefined, value);
  }
}
