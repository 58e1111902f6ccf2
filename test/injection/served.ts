import { Compiler } from '../../src/compile/compiler.ts';
import type { L7Plan, Plan } from '../../src/compile/plan.ts';
import { NO_NODE_FACTS, type CompileSettings } from '../../src/compile/settings.ts';
import { STANDALONE_SETTINGS } from '../../src/app/check.ts';
import { findingRows, findingsOf } from '../../src/observe/views.ts';
import { checkpointFiles } from '../fakes/checkpoint-files.ts';
import { renderCheckpoint } from '../../src/planes/l7/checkpoint.ts';
import { renderChange } from '../../src/planes/l7/change.ts';
import { DATA_MAPS, FILES } from '../../src/planes/l7/files.ts';
import { printStep } from '../../src/planes/l7/step.ts';
import { admitObject, findingsKey } from '../../src/sources/admit/admit.ts';
import { EVERYTHING_READ, type Change } from '../../src/sources/change.ts';
import { Store } from '../../src/sources/store.ts';
import {
  checkAuthorities,
  checkCommand,
  checkPem,
  readCli,
  readCrtList,
  readData,
  readMap,
  readRegexes,
  readSections,
  type ReadSection,
} from './haproxy-reader.ts';
import type { Json } from './objects.ts';

const SETTINGS: CompileSettings = { ...STANDALONE_SETTINGS, mode: 'cluster', watchIngressWithoutClass: true };
const SELF_SIGNED =
  '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n';

/** Objects as the API server sends them, through admission and compile. */
export function planOf(objects: readonly Json[]): Plan {
  const store = new Store();
  const { snapshot } = store;
  store.commit([...EVERYTHING_READ, ...objects.flatMap(changesOf)]);
  store.commit([{ table: 'resolvedNames', key: 'external.example.com', value: { addresses: [] } }]);
  const compiler = new Compiler(SETTINGS);
  compiler.compile(snapshot, { nowMs: 0, node: NO_NODE_FACTS });
  return compiler.compile(store.snapshot, { nowMs: Date.now(), node: NO_NODE_FACTS });
}

function changesOf(raw: Json): readonly Change[] {
  const admission = admitObject(raw);
  if (admission === undefined) return [];
  const findings: Change = { table: 'findings', key: findingsKey(admission.ref), value: admission.findings };
  return [...(admission.change === undefined ? [] : [admission.change]), findings];
}

/** What HAProxy makes of a whole plan. Reading it fails on anything that is not plainly ours. */
export interface Served {
  readonly sections: readonly ReadSection[];
  readonly routes: readonly (readonly [key: string, value: string])[];
  readonly regexes: readonly (readonly [key: string, value: string])[];
  readonly data: readonly (readonly [key: string, value: string])[];
  readonly certificates: readonly (readonly string[])[];
  readonly files: readonly string[];
}

/** Reads the checkpoint of a plan, every file of it. */
export function served({ l7 }: Plan): Served {
  const files = checkpointFiles(renderCheckpoint(l7, SELF_SIGNED));
  const text = (name: string): string => files.get(name) ?? '';
  for (const name of files.keys()) {
    const isOurs = Object.values<string>(FILES).includes(name) || /^certs\/[a-z0-9][a-z0-9._-]*\.pem$/.test(name);
    // A longer name cannot be created (NAME_MAX of Linux).
    if (!isOurs || name.includes('..') || name.length > 200) throw new Error(`not a file of ours: ${name}`);
    if (!name.startsWith('certs/') || name === FILES.selfSigned) continue;
    const check = name.startsWith('certs/authorities-') ? checkAuthorities : checkPem;
    check(text(name).slice(0, -1).split('\n'));
  }
  return {
    sections: readSections(text(FILES.backends)),
    routes: [...readMap(text(FILES.routes)), ...readMap(text(FILES.entrances))],
    regexes: readRegexes(text(FILES.regexes)),
    data: Object.values(DATA_MAPS).flatMap((file) => readData(text(file))),
    certificates: readCrtList(text(FILES.certificates)),
    files: [...files.keys()],
  };
}

/** How many lines, sections and files there are of each kind. */
export function extent({ sections, routes, regexes, data, certificates, files }: Served): readonly number[] {
  const servers = sections.flatMap((section) => section.servers);
  return [sections, servers, routes, regexes, data, certificates, certificates.flat(), files].map(
    (list) => list.length,
  );
}

/** Reads the commands from one plan to another. Returns how many HAProxy takes them for. */
export function commandsBetween(before: L7Plan, after: L7Plan): number {
  const { steps } = renderChange(
    before,
    after,
    { servers: new Set(), backends: new Set(), data: new Map(), files: new Map() },
    SELF_SIGNED,
  );
  const sent = steps.map((step) => printStep(step, '1'));
  const read = readCli(sent.map((command) => `${command}\n`).join(''));
  if (read.length !== sent.length)
    throw new Error(`${String(sent.length)} commands were sent, ${String(read.length)} arrived`);
  for (const command of read) checkCommand(command);
  return read.length;
}

/** The part of what is served that belongs to a namespace and the hosts under its name. */
export function shareOf({ sections, routes, regexes, certificates }: Served, owner: string): unknown {
  const isOwned = (text: string): boolean => text.includes(owner);
  // A host that is served over HTTP alone has over HTTPS what the hosts above it have, whoever wrote that.
  const isInherited = (key: string, value: string): boolean => key.startsWith('https|') && !isOwned(value);
  return {
    sections: sections.filter(({ name }) => name.startsWith(`${owner}_`)),
    routes: routes.filter(
      ([key, value]) => (isOwned(key.split('/', 1)[0] ?? '') && !isInherited(key, value)) || isOwned(value),
    ),
    regexes: regexes.filter(([key, value]) => isOwned(key.split('(?=/)', 1)[0] ?? '') || isOwned(value)),
    certificates: certificates.filter(([file = '']) => file.startsWith(`certs/${owner}_`)),
  };
}

/** What is told to people, who read it in a terminal, an Event or a page. */
export function toldBy(plan: Plan): readonly string[] {
  return findingRows(findingsOf(plan)).flatMap((row) => Object.values<string>({ ...row }));
}
