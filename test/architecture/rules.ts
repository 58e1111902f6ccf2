import { codeOf, importsOf, isTest, type SourceTree } from './source-tree.ts';

/** One breach of a rule: `src/kube/client.ts imports src/model/object.ts: kube may import only lib`. */
export type Offence = string;

/** For each floor of the house, the floors that it may import besides itself. `planes/*` stands for every single plane. */
export type FloorTable = Readonly<Record<string, readonly string[]>>;

/** Imports go down only, and every file stands on a floor that the table knows. */
export function floorOffences(tree: SourceTree, table: FloorTable): readonly Offence[] {
  return eachFile(tree, 'src/', (path, text) => {
    const floor = floorOf(path);
    const allowed = table[rowOf(floor)];
    if (allowed === undefined) return [`${path} stands on no floor of the table`];
    const offences: Offence[] = [];
    for (const { specifier, file } of importsOf(path, text)) {
      if (specifier === undefined) offences.push(`${path} imports something computed, which nobody can check`);
      if (file === undefined || isWithin(file, floor, allowed) || isTestSupport(path, file)) continue;
      offences.push(`${path} imports ${file}: ${floor} may import only ${allowed.join(', ') || 'itself'}`);
    }
    return offences;
  });
}

/** Where a file of `src/` stands: `lib`, `planes` for what all planes share, `planes/l7` for one plane, `main.ts`. */
function floorOf(path: string): string {
  const [first = '', second, third] = path.split('/').slice(1);
  return first === 'planes' && second !== undefined && third !== undefined ? `planes/${second}` : first;
}

function rowOf(floor: string): string {
  return floor.startsWith('planes/') ? 'planes/*' : floor;
}

function isWithin(file: string, floor: string, allowed: readonly string[]): boolean {
  if (!file.startsWith('src/')) return false;
  const target = floorOf(file);
  return target === floor || allowed.includes(rowOf(target));
}

/** Tests may use the fakes and cases in `test/`. */
function isTestSupport(path: string, file: string): boolean {
  return isTest(path) && file.startsWith('test/');
}

/** What makes a result depend on more than the arguments, or arrive later. */
const impureWords: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['the clock', /\bDate\.now\b|\bnew Date(?!\w)(?!\s*\(\s*[^)\s])|\bperformance\./],
  ['chance', /\bMath\.random\b|\bcrypto\./],
  ['the process', /\bprocess\.|\bglobalThis\b/],
  ['asynchrony', /\basync\b|\bawait\b|\bPromise\b|\bqueueMicrotask\b/],
  ['a timer', /\bset(?:Timeout|Interval|Immediate)\b/],
  ['the network', /\bfetch\s*\(/],
];

/** The pure floors compute a result from their arguments alone: no I/O, no clock, no chance, no asynchrony, no packages. */
export function purityOffences(tree: SourceTree, floors: readonly string[]): readonly Offence[] {
  return eachFile(tree, 'src/', (path, text) => {
    if (isTest(path) || !floors.includes(floorOf(path))) return [];
    const packages = importsOf(path, text).filter(
      ({ specifier, file }) => specifier !== undefined && file === undefined,
    );
    const code = codeOf(text);
    return [
      ...packages.map(({ specifier }) => `${path} imports ${specifier}: ${floorOf(path)} is pure`),
      ...impureWords
        .filter(([, pattern]) => pattern.test(code))
        .map(([what]) => `${path} uses ${what}: ${floorOf(path)} is pure`),
    ];
  });
}

/** Every way round in which files import each other, once, from its first file in the alphabet. */
export function cycleOffences(tree: SourceTree): readonly Offence[] {
  const found = new Set<Offence>();
  const finished = new Set<string>();
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start !== -1) {
      found.add(`${fromFirst(trail.slice(start)).join(' → ')} → and round again`);
      return;
    }
    if (finished.has(path)) return;
    for (const { file } of importsOf(path, tree.get(path) ?? '')) {
      if (file !== undefined && tree.has(file)) visit(file, [...trail, path]);
    }
    finished.add(path);
  };
  for (const path of [...tree.keys()].sort()) visit(path, []);
  return [...found];
}

function fromFirst(cycle: readonly string[]): readonly string[] {
  const first = [...cycle].sort()[0] ?? '';
  const index = cycle.indexOf(first);
  return [...cycle.slice(index), ...cycle.slice(0, index)];
}

/** A file that outgrows `maxLines` does more than one thing. */
export function lengthOffences(tree: SourceTree, maxLines: number): readonly Offence[] {
  return eachFile(tree, 'src/', (path, text) => {
    const lines = text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
    return lines > maxLines ? [`${path} has ${lines} lines, more than ${maxLines}`] : [];
  });
}

/** Names that say nothing about what is inside, and that everything ends up in. */
const emptyNames = /^(?:utils?|helpers?|managers?|common|misc)$/;

/** Names are kebab-case words that say what the file is about. */
export function nameOffences(tree: SourceTree): readonly Offence[] {
  return eachFile(tree, '', (path) => {
    const parts = path.replace(/(?:\.test)?\.ts$/, '').split('/');
    const words = parts.flatMap((part) => part.split('-'));
    return [
      ...words.filter((word) => emptyNames.test(word)).map((word) => `${path} is called "${word}", which says nothing`),
      ...parts
        .filter((part) => !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(part))
        .map((part) => `${path}: "${part}" is not kebab-case`),
    ];
  });
}

function eachFile(
  tree: SourceTree,
  prefix: string,
  check: (path: string, text: string) => readonly Offence[],
): readonly Offence[] {
  return [...tree].filter(([path]) => path.startsWith(prefix)).flatMap(([path, text]) => check(path, text));
}

/** A signal to 0, which an empty pid file is, ends the caller and all that was started with it: only these files may send one to others. */
const SIGNALLERS: ReadonlySet<string> = new Set(['src/lib/signal-process.ts', 'src/planes/l4/kernel/launcher.ts']);

/** Signals to a process by its number that are not sent by `lib/signal-process.ts`. Its own number is nobody else's. */
export function signalOffences(tree: SourceTree): readonly Offence[] {
  return [...tree]
    .filter(([path, text]) => !SIGNALLERS.has(path) && /(?<![.#\w])process\.kill\((?!process\.pid,)/.test(text))
    .map(
      ([path]) =>
        `${path} signals a process by itself: signalProcess of lib/signal-process.ts refuses what is no process`,
    );
}
