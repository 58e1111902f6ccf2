/** Executes the import table of the design, and the other rules of the house that a machine can read. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  cycleOffences,
  floorOffences,
  lengthOffences,
  nameOffences,
  purityOffences,
  signalOffences,
  type FloorTable,
  type Offence,
} from './architecture/rules.ts';
import { readSourceTree, type SourceTree } from './architecture/source-tree.ts';

/** Each floor and what it may import. `planes` are the files that all planes share, `planes/*` each plane alone. */
const floors: FloorTable = {
  lib: [],
  model: ['lib'],
  compile: ['lib', 'model'],
  kube: ['lib'],
  sources: ['lib', 'model', 'kube'],
  observe: ['lib', 'model', 'compile'],
  planes: ['lib', 'model', 'compile'],
  'planes/*': ['lib', 'model', 'compile', 'planes'],
  app: ['lib', 'model', 'compile', 'kube', 'sources', 'observe', 'planes', 'planes/*'],
  cli: ['lib', 'model', 'compile', 'kube', 'sources', 'observe', 'planes', 'planes/*', 'app'],
  'main.ts': ['lib', 'cli'],
};

const pureFloors = ['model', 'compile'];
const maxLines = 500;

const rules: Readonly<Record<string, (tree: SourceTree) => readonly Offence[]>> = {
  'imports go down only': (tree) => floorOffences(tree, floors),
  'model and compile are pure': (tree) => purityOffences(tree, pureFloors),
  'no file imports itself, directly or round a corner': cycleOffences,
  'no file is too long': (tree) => lengthOffences(tree, maxLines),
  'names are kebab-case and say something': nameOffences,
  'processes are signalled in one place': signalOffences,
};

describe('the house', () => {
  const root = join(import.meta.dirname, '..');
  const house = readSourceTree(root, ['src', 'test', 'scripts']);

  test.for(Object.entries(rules))('%s', ([, rule]) => {
    expect(rule(house)).toEqual([]);
  });

  test('has been read', () => {
    const found = Object.keys(floors).filter((floor) =>
      [...house.keys()].some((path) => path.startsWith(`src/${floor}`)),
    );
    expect(found).toEqual(expect.arrayContaining(['lib', 'model', 'compile', 'kube']));
    expect(house.has('test/architecture.test.ts')).toBe(true);
  });
});

interface Case {
  readonly rule: keyof typeof rules;
  readonly name: string;
  readonly tree: Readonly<Record<string, string>>;
  readonly offences: readonly Offence[];
}

const imports = (...specifiers: readonly string[]): string =>
  specifiers.map((specifier) => `import { x } from '${specifier}';\n`).join('');

const floorCases: readonly Omit<Case, 'rule'>[] = [
  {
    name: 'down',
    tree: {
      'src/main.ts': imports('./cli/run.ts'),
      'src/cli/run.ts': imports('../app/roles.ts', 'commander'),
      'src/app/roles.ts': imports('../planes/l7/plane.ts', '../sources/store.ts', '../observe/metrics.ts', 'node:os'),
      'src/planes/l7/plane.ts': imports('../runner.ts', './render.ts', '../../compile/plan.ts', 'node:net'),
      'src/sources/store.ts': imports('../kube/client.ts', '../model/object.ts'),
    },
    offences: [],
  },
  {
    name: 'up',
    tree: { 'src/lib/fault.ts': imports('../model/finding.ts') },
    offences: ['src/lib/fault.ts imports src/model/finding.ts: lib may import only itself'],
  },
  {
    name: 'up, for a type',
    tree: { 'src/kube/client.ts': `import type { A } from '../model/object.ts';` },
    offences: ['src/kube/client.ts imports src/model/object.ts: kube may import only lib'],
  },
  {
    name: 'up, over several lines',
    tree: { 'src/model/object.ts': `import {\n  a,\n  b,\n} from '../compile/plan.ts';` },
    offences: ['src/model/object.ts imports src/compile/plan.ts: model may import only lib'],
  },
  {
    name: 'up, passed on',
    tree: { 'src/compile/plan.ts': `export * from '../planes/runner.ts';` },
    offences: ['src/compile/plan.ts imports src/planes/runner.ts: compile may import only lib, model'],
  },
  {
    name: 'up, for what it does',
    tree: { 'src/kube/client.ts': `import '../sources/store.ts';` },
    offences: ['src/kube/client.ts imports src/sources/store.ts: kube may import only lib'],
  },
  {
    name: 'up, late',
    tree: { 'src/kube/client.ts': `const later = () => import('../sources/store.ts');` },
    offences: ['src/kube/client.ts imports src/sources/store.ts: kube may import only lib'],
  },
  {
    name: 'something computed',
    tree: { 'src/app/roles.ts': 'const later = (name: string) => import(`./${name}.ts`);' },
    offences: ['src/app/roles.ts imports something computed, which nobody can check'],
  },
  {
    name: 'one plane from another',
    tree: { 'src/planes/l4/plane.ts': imports('../l7/plane.ts') },
    offences: [
      'src/planes/l4/plane.ts imports src/planes/l7/plane.ts: planes/l4 may import only lib, model, compile, planes',
    ],
  },
  {
    name: 'a plane from what all planes share',
    tree: { 'src/planes/runner.ts': imports('./l7/plane.ts') },
    offences: ['src/planes/runner.ts imports src/planes/l7/plane.ts: planes may import only lib, model, compile'],
  },
  {
    name: 'up from a test, which may use the fakes',
    tree: { 'src/kube/client.test.ts': imports('vitest', '../../test/fakes/apiserver.ts', '../app/roles.ts') },
    offences: ['src/kube/client.test.ts imports src/app/roles.ts: kube may import only lib'],
  },
  {
    name: 'a fake from what is shipped',
    tree: { 'src/kube/client.ts': imports('../../test/fakes/apiserver.ts') },
    offences: ['src/kube/client.ts imports test/fakes/apiserver.ts: kube may import only lib'],
  },
  {
    name: 'a new folder',
    tree: { 'src/shed/tool.ts': '' },
    offences: ['src/shed/tool.ts stands on no floor of the table'],
  },
  {
    name: 'only in a comment',
    tree: {
      'src/lib/fault.ts': `// see import('../kube/client.ts')\n/*\n * import { x } from '../kube/client.ts';\n */`,
    },
    offences: [],
  },
];

const impure: readonly (readonly [code: string, what: string])[] = [
  ['const a = Date.now();', 'uses the clock'],
  ['const a = new Date();', 'uses the clock'],
  ['const a = new Date;', 'uses the clock'],
  ['const a = performance.now();', 'uses the clock'],
  ['const a = `at ${Date.now()}`;', 'uses the clock'],
  ['const a = Math.random();', 'uses chance'],
  ['const a = crypto.randomUUID();', 'uses chance'],
  ["const a = process.env['A'];", 'uses the process'],
  ['async function a() {}', 'uses asynchrony'],
  ['const a = await b;', 'uses asynchrony'],
  ['const a = Promise.resolve(1);', 'uses asynchrony'],
  ['setTimeout(a, 1);', 'uses a timer'],
  ["const a = fetch('b');", 'uses the network'],
  [imports('node:fs'), 'imports node:fs'],
  [imports('yaml'), 'imports yaml'],
  ["import type { Document } from 'yaml';", 'imports yaml'],
];

const purityCases: readonly Omit<Case, 'rule'>[] = [
  ...impure.map(([code, what]) => ({
    name: code.trim(),
    tree: { 'src/compile/plan.ts': code, 'src/planes/l7/plane.ts': code, 'src/compile/plan.test.ts': code },
    offences: [`src/compile/plan.ts ${what}: compile is pure`],
  })),
  {
    name: 'pure, whatever its comments and strings speak of',
    tree: {
      'src/model/object.ts': [
        `import { invariant } from '../lib/invariant.ts';`,
        '// never Date.now(), and no await',
        `const words = ['async', "process.env", \`Math.random\`, /'await'/];`,
        'const created = new Date(object.creationTimestamp);',
        'const processed = asyncronous(updateTime);',
      ].join('\n'),
    },
    offences: [],
  },
];

const cycleCases: readonly Omit<Case, 'rule'>[] = [
  {
    name: 'three files in a circle, with a fourth that leads into it',
    tree: {
      'src/lib/a.ts': imports('./c.ts'),
      'src/lib/b.ts': imports('./c.ts'),
      'src/lib/c.ts': imports('./d.ts'),
      'src/lib/d.ts': imports('./b.ts'),
    },
    offences: ['src/lib/b.ts → src/lib/c.ts → src/lib/d.ts → and round again'],
  },
  {
    name: 'a file and its own self',
    tree: { 'src/lib/a.ts': imports('./a.ts') },
    offences: ['src/lib/a.ts → and round again'],
  },
  {
    name: 'two ways to one file',
    tree: {
      'src/lib/a.ts': imports('./b.ts', './c.ts'),
      'src/lib/b.ts': imports('./d.ts'),
      'src/lib/c.ts': imports('./d.ts'),
    },
    offences: [],
  },
];

const formCases: readonly Case[] = [
  {
    rule: 'no file is too long',
    name: 'one line too many',
    tree: { 'src/lib/long.ts': '\n'.repeat(maxLines + 1), 'src/lib/full.ts': '\n'.repeat(maxLines) },
    offences: [`src/lib/long.ts has ${maxLines + 1} lines, more than ${maxLines}`],
  },
  {
    rule: 'names are kebab-case and say something',
    name: 'empty and odd names',
    tree: {
      'src/lib/string-utils.ts': '',
      'src/planes/common/a.ts': '',
      'src/app/RoleSet.ts': '',
      'src/lib/http2-frame.test.ts': '',
    },
    offences: [
      'src/lib/string-utils.ts is called "utils", which says nothing',
      'src/planes/common/a.ts is called "common", which says nothing',
      'src/app/RoleSet.ts: "RoleSet" is not kebab-case',
    ],
  },
];

const kill = ['process', 'kill('].join('.');

const signalCases: readonly Case[] = [
  {
    rule: 'processes are signalled in one place',
    name: 'by itself',
    tree: {
      'test/netns/a.test.ts': `${kill}Number(text), 'SIGKILL')`,
      'src/lib/b.ts': `${kill}process.pid, 'SIGKILL'); keepalived.${kill}); child.kill('SIGKILL');`,
      'src/lib/signal-process.ts': `${kill}pid, signal)`,
    },
    offences: [
      'test/netns/a.test.ts signals a process by itself: signalProcess of lib/signal-process.ts refuses what is no process',
    ],
  },
];

describe('each rule can fail', () => {
  const cases: readonly Case[] = [
    ...floorCases.map((each) => ({ ...each, rule: 'imports go down only' })),
    ...purityCases.map((each) => ({ ...each, rule: 'model and compile are pure' })),
    ...cycleCases.map((each) => ({ ...each, rule: 'no file imports itself, directly or round a corner' })),
    ...formCases,
    ...signalCases,
  ];

  test.for(cases)('$rule: $name', ({ rule, tree, offences }) => {
    expect(rules[rule]?.(new Map(Object.entries(tree)))).toEqual(offences);
  });

  test('there is such a case for every rule', () => {
    const failing = cases.filter(({ offences }) => offences.length > 0).map(({ rule }) => rule);
    expect([...new Set(failing)]).toEqual(Object.keys(rules));
  });
});
