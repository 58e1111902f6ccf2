import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Plan } from '../compile/plan.ts';
import { aborted } from '../lib/aborted.ts';
import { silentLogger } from '../lib/logger.ts';
import { Metrics } from '../observe/metrics.ts';
import { admitObject } from '../sources/admit/admit.ts';
import type { Wants } from '../model/want.ts';
import type { Source, SourceState } from '../sources/source.ts';
import { Store } from '../sources/store.ts';
import { runFlagDefaults } from './flags/register.ts';
import type { RunOptions } from './options.ts';
import { Program } from './program.ts';
import { runOptionsOf } from './run-options.ts';
import type { Role } from './role.ts';

/** A source whose objects and states the test brings. */
class ScriptedSource implements Source {
  readonly name = 'script';
  readonly store: Store;
  state: SourceState = { kind: 'syncing', lacks: 'own' };
  /** The Secrets that were wanted, each time. */
  readonly asked: (readonly string[])[] = [];
  readonly started = Promise.withResolvers<void>();
  #onState: () => void = () => {};

  constructor(store: Store) {
    this.store = store;
  }

  async run(signal: AbortSignal, onState: () => void): Promise<void> {
    this.#onState = onState;
    this.started.resolve();
    await aborted(signal);
  }

  want({ objects }: Wants): void {
    this.asked.push([...objects.keys()]);
  }

  become(state: SourceState): void {
    this.state = state;
    this.#onState();
  }
}

class RecordingRole implements Role {
  readonly name = 'gateway';
  readonly plans: Plan[] = [];

  want(plan: Plan): void {
    this.plans.push(plan);
  }

  notReady(): readonly string[] {
    return [];
  }

  async run(signal: AbortSignal): Promise<void> {
    await aborted(signal);
  }

  release(): Promise<void> {
    return Promise.resolve();
  }
}

let folder: string;
let source: ScriptedSource;
let role: RecordingRole;
let stop: AbortController;
let ended: Promise<void>;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-program-test-'));
  const store = new Store();
  source = new ScriptedSource(store);
  role = new RecordingRole();
  stop = new AbortController();
  const metrics = new Metrics();
  const parts = { logger: silentLogger, metrics, store, sources: [source], createRoles: () => Promise.resolve([role]) };
  const program = new Program(optionsIn(folder), parts);
  ended = program.run(stop.signal, stop.signal, () => {});
  await source.started.promise;
});

afterEach(async () => {
  stop.abort();
  await ended;
  await rm(folder, { recursive: true });
});

function optionsIn(stateDirectory: string): RunOptions {
  const flags = runFlagDefaults();
  return runOptionsOf({
    ...flags,
    source: { ...flags.source, manifests: stateDirectory },
    program: { ...flags.program, roles: new Set(['gateway']), stateDirectory, apiAddress: '127.0.0.1:0' },
  });
}

/** Long enough for what is due at the end of a turn of the event loop, and for what that brings. */
async function turn(): Promise<void> {
  for (let turns = 0; turns < 20; turns += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function commit(...objects: readonly object[]): Promise<void> {
  source.store.commit(
    objects.map((object) => {
      const change = admitObject(object)?.change;
      if (change === undefined) throw new Error('it is none of the objects that are read');
      return change;
    }),
  );
  await turn();
}

function ingress(name: string, secretName: string): object {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { namespace: 'shop', name },
    spec: { tls: [{ hosts: [`${name}.test`], secretName }], rules: [{ host: `${name}.test` }] },
  };
}

function service(name: string): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace: 'shop', name },
    spec: { ports: [{ port: 80 }] },
  };
}

function slice(name: string): object {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { namespace: 'shop', name, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ port: 8080 }],
    endpoints: [{ addresses: ['192.0.2.1'] }],
  };
}

test('nothing is compiled while a source lacks objects of its own', async () => {
  await commit(service('web'));
  await commit(ingress('web', 'web-tls'));
  expect(source.asked).toEqual([]);
  expect(role.plans).toEqual([]);
});

test('what the plan wants is asked for once, and again when that may have changed', async () => {
  await commit(service('web'), ingress('web', 'web-tls'));
  source.become({ kind: 'syncing', lacks: 'wants' });
  await turn();
  expect(source.asked).toEqual([['Secret/shop/web-tls']]);
  await commit(slice('web'));
  expect(source.asked).toHaveLength(1);
  await commit(ingress('other', 'other-tls'));
  expect(source.asked.at(-1)?.toSorted()).toEqual(['Secret/shop/other-tls', 'Secret/shop/web-tls']);
  expect(role.plans).toEqual([]);
});

test('a source that went stale before it had everything gives no plan, and asks for nothing twice', async () => {
  await commit(service('web'), ingress('web', 'web-tls'));
  source.become({ kind: 'stale', sinceMs: 0, reason: 'the API server is away' });
  await turn();
  await commit(slice('web'));
  expect(source.asked).toEqual([['Secret/shop/web-tls']]);
  expect(role.plans).toEqual([]);
  source.become({ kind: 'synced' });
  await turn();
  expect(role.plans).toHaveLength(1);
});

test('a role sees the first plan once every source has synced, and every one after it', async () => {
  await commit(service('web'), ingress('web', 'web-tls'));
  source.become({ kind: 'syncing', lacks: 'wants' });
  await turn();
  source.become({ kind: 'synced' });
  await turn();
  expect(role.plans).toHaveLength(1);
  source.become({ kind: 'syncing', lacks: 'wants' });
  await commit(ingress('other', 'other-tls'));
  source.become({ kind: 'stale', sinceMs: 0, reason: 'the API server is away' });
  await commit(slice('web'));
  expect(role.plans.length).toBeGreaterThanOrEqual(3);
});
