import { randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { everything } from '../../fakes/apiserver/access.ts';
import { FakeApiServer } from '../../fakes/apiserver/apiserver.ts';
import { CommitTimes } from './commit-times.ts';
import { usageOf } from './process-usage.ts';
import { Proxy, type ProxyChoice } from './proxy.ts';
import { answerAll } from './remote.ts';
import {
  nodeObject,
  serviceCidrObject,
  serviceObject,
  serviceOfChange,
  sliceObject,
  type AddressSpace,
} from './synthetic-cluster.ts';

/** A node with an API server of its own, and Sluice or kube-proxy, which know no better. */
export interface NodeCalls {
  /** Makes the cluster. Ends the one before. */
  readonly seed: {
    readonly request: {
      readonly space: AddressSpace;
      readonly services: number;
      readonly trafficProgram: string;
      /** Empty; for its files. */
      readonly folder: string;
    };
    readonly reply: undefined;
  };
  /** Starts the program, in place of the one before; milliseconds until all is in the kernel, undefined when that took too long. */
  readonly start: {
    readonly request: { readonly choice: ProxyChoice; readonly limitMs: number };
    readonly reply: number | undefined;
  };
  /** Changes one endpoint at a time, the next when the kernel has the last, after a random pause. Milliseconds of each. */
  readonly change: {
    readonly request: {
      readonly changes: number;
      readonly maxPauseMs: number;
      readonly forMs: number;
    };
    readonly reply: readonly number[];
  };
  /** What the program uses while so many endpoints change a second. */
  readonly use: {
    readonly request: { readonly seconds: number; readonly changesPerSecond: number };
    readonly reply: { readonly cpuPercent: number; readonly residentMegabytes: number };
  };
}

/** After which a change counts as lost. */
const CHANGE_LIMIT_MS = 20_000;

interface World {
  readonly server: FakeApiServer;
  readonly folder: string;
  readonly kubeconfig: string;
  readonly space: AddressSpace;
  readonly services: number;
  readonly trafficProgram: string;
}

let world: World | undefined;
let proxy: Proxy | undefined;
/** Endpoints changed so far; each gets an address of its own. */
let changes = 0;

async function seed({ space, services, trafficProgram, folder }: NodeCalls['seed']['request']): Promise<undefined> {
  await release();
  const server = await FakeApiServer.start();
  // kube-proxy shows its credentials to nobody without TLS, whose cost has no part in this.
  server.access.allow('system:anonymous', everything);
  server.seed('nodes', [nodeObject()]);
  server.seed('servicecidrs', [serviceCidrObject(space)]);
  for (let n = 0; n < services; n += 1) {
    server.seed('services', [serviceObject(space, n)]);
    server.seed('endpointslices', [sliceObject(space, n, 0)]);
  }
  const kubeconfig = join(folder, 'kubeconfig');
  await writeFile(kubeconfig, JSON.stringify(kubeconfigOf(server.url)));
  world = { server, folder, kubeconfig, space, services, trafficProgram };
}

function kubeconfigOf(server: string): unknown {
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'bench', cluster: { server } }],
    users: [{ name: 'bench', user: {} }],
    contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
    'current-context': 'bench',
  };
}

async function start({ choice, limitMs }: NodeCalls['start']['request']): Promise<number | undefined> {
  const { kubeconfig, folder } = seeded();
  await proxy?.stop();
  const startMs = performance.now();
  proxy = await Proxy.start(choice, kubeconfig, folder);
  return (await proxy.untilProgrammed(limitMs)) ? performance.now() - startMs : undefined;
}

async function change({
  changes: count,
  maxPauseMs,
  forMs,
}: NodeCalls['change']['request']): Promise<readonly number[]> {
  const commits = await CommitTimes.follow(seeded().trafficProgram);
  const samples: number[] = [];
  const endMs = performance.now() + forMs;
  try {
    while (samples.length < count && performance.now() < endMs) {
      await sleep(maxPauseMs === 0 ? 0 : randomInt(maxPauseMs));
      samples.push((await commits.after(changeOne, CHANGE_LIMIT_MS)) ?? CHANGE_LIMIT_MS);
    }
  } finally {
    commits.close();
  }
  return samples;
}

function changeOne(): void {
  const { server, space, services } = seeded();
  changes += 1;
  server.seed('endpointslices', [sliceObject(space, serviceOfChange(changes, services), changes)]);
}

async function use({ seconds, changesPerSecond }: NodeCalls['use']['request']): Promise<NodeCalls['use']['reply']> {
  if (proxy === undefined) throw new Error('nothing was started');
  const before = await usageOf(proxy.pid);
  const startMs = performance.now();
  const timer = setInterval(
    () => {
      if (changesPerSecond > 0) changeOne();
    },
    1000 / Math.max(1, changesPerSecond),
  );
  await sleep(seconds * 1000);
  clearInterval(timer);
  const after = await usageOf(proxy.pid);
  return {
    cpuPercent: (100 * (after.cpuMs - before.cpuMs)) / (performance.now() - startMs),
    residentMegabytes: after.residentMegabytes,
  };
}

function seeded(): World {
  if (world === undefined) throw new Error('there is no cluster');
  return world;
}

async function release(): Promise<void> {
  await proxy?.stop();
  proxy = undefined;
  await world?.server.close();
  world = undefined;
}

if (import.meta.main) answerAll<keyof NodeCalls, NodeCalls>({ seed, start, change, use }, release);
