import { STANDALONE_SETTINGS } from '../../../src/app/check.ts';
import { Compiler } from '../../../src/compile/compiler.ts';
import type { L4Plan } from '../../../src/compile/l4/l4-plan.ts';
import { NO_NODE_FACTS } from '../../../src/compile/settings.ts';
import { silentLogger } from '../../../src/lib/logger.ts';
import { Conntrack } from '../../../src/planes/l4/kernel/conntrack.ts';
import { Nft } from '../../../src/planes/l4/kernel/nft.ts';
import { L4Plane } from '../../../src/planes/l4/plane.ts';
import { admitObject } from '../../../src/sources/admit/admit.ts';
import type { Change } from '../../../src/sources/change.ts';
import { Store } from '../../../src/sources/store.ts';
import { answerAll } from './remote.ts';
import {
  addressSpace,
  NODE_NAME,
  nodeObject,
  serviceCidrObject,
  serviceObject,
  serviceOfChange,
  sliceObject,
} from './synthetic-cluster.ts';

/** What it takes to program the kernel, in one process: Store, compile and the plane, in the network namespace of that process. */
export interface ProgrammingCalls {
  readonly measure: {
    readonly request: {
      readonly services: number;
      readonly loads: number;
      readonly changes: number;
      readonly folder: string;
    };
    readonly reply: Programming;
  };
}

/** All in milliseconds. */
export interface Programming {
  /** The first compile. */
  readonly compileMs: number;
  /** From the plan to the kernel having all of it, several times. */
  readonly loadMs: readonly number[];
  /** From `Store.commit` of one changed endpoint until nft has acknowledged, several times. */
  readonly changeMs: readonly number[];
  readonly residentMegabytes: number;
}

async function measure({
  services,
  loads,
  changes,
  folder,
}: ProgrammingCalls['measure']['request']): Promise<Programming> {
  const { signal } = new AbortController();
  const store = new Store();
  const compiler = new Compiler({
    ...STANDALONE_SETTINGS,
    mode: 'cluster',
    l4: {
      nodeName: NODE_NAME,
      zone: undefined,
      localDetection: { mode: 'NodeCIDR' },
      masqueradesAll: false,
      nodePortAddresses: 'primary',
      externalIps: { kind: 'deny' },
      clusterIpRanges: [],
      proxyName: undefined,
    },
  });
  const compile = (): L4Plan => {
    const { l4 } = compiler.compile(store.snapshot, { nowMs: 1, node: NO_NODE_FACTS });
    if (l4 === undefined) throw new Error('there is no plan for the kernel');
    return l4;
  };
  const space = addressSpace(0);
  const sliceOf = (n: number, version: number): Change => admitted(sliceObject(space, n, version));
  store.commit([admitted(nodeObject()), admitted(serviceCidrObject(space))]);
  for (let n = 0; n < services; n += 1) store.commit([admitted(serviceObject(space, n)), sliceOf(n, 0)]);
  const compileStartMs = performance.now();
  const plan = compile();
  const compileMs = performance.now() - compileStartMs;
  const loadMs: number[] = [];
  let plane = await openPlane(folder);
  for (let load = 0; load < loads; load += 1) {
    await plane.release();
    plane = await openPlane(folder);
    const startMs = performance.now();
    await plane.apply(plan, signal);
    loadMs.push(performance.now() - startMs);
  }
  const changeMs: number[] = [];
  for (let change = 1; change <= changes; change += 1) {
    const changed = sliceOf(serviceOfChange(change, services), change);
    const startMs = performance.now();
    store.commit([changed]);
    await plane.apply(compile(), signal);
    changeMs.push(performance.now() - startMs);
  }
  await plane.release();
  return { compileMs, loadMs, changeMs, residentMegabytes: process.memoryUsage().rss / 1048576 };
}

function admitted(object: unknown): Change {
  const change = admitObject(object)?.change;
  if (change === undefined) throw new Error('it is none of the objects that are read');
  return change;
}

async function openPlane(folder: string): Promise<L4Plane> {
  return new L4Plane({
    nft: await Nft.open(folder),
    conntrack: new Conntrack(folder),
    logger: silentLogger,
    onProgrammed: async () => {},
    onRefused: (service, message) => {
      throw new Error(`the kernel refused ${service.name}: ${message}`);
    },
  });
}

if (import.meta.main) answerAll<keyof ProgrammingCalls, ProgrammingCalls>({ measure }, async () => {});
