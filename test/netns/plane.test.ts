import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { L4Plan, ServicePlan } from '../../src/compile/l4/l4-plan.ts';
import { Fault } from '../../src/lib/fault.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { PersistentMap } from '../../src/lib/persistent-map.ts';
import { createLogger } from '../../src/observe/logger.ts';
import { Conntrack } from '../../src/planes/l4/kernel/conntrack.ts';
import { Nft } from '../../src/planes/l4/kernel/nft.ts';
import { L4Plane } from '../../src/planes/l4/plane.ts';
import { Runner } from '../../src/planes/runner.ts';
import { frontendOf, NODE_PLAN, planOf, target } from '../l4/objects.ts';
import { ip } from '../l4/snapshot-steps.ts';
import { OTHER_NFT } from './nft-programs.ts';
import { nft as otherNft, run, useOwnNamespace } from './own-namespace.ts';

useOwnNamespace();

const never = new AbortController().signal;

let folder: string;
let nft: Nft;
let refused: string[];
let onProgrammed: () => void;
let plane: L4Plane;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-plane-test-'));
  nft = await Nft.open(folder);
  refused = [];
  onProgrammed = () => undefined;
  plane = new L4Plane({
    nft,
    conntrack: new Conntrack(folder),
    logger: createLogger('text', 'error', { write: (text) => void process.stderr.write(text) }),
    onProgrammed: () => Promise.resolve(onProgrammed()),
    onRefused: ({ name }) => refused.push(name),
    retryBounds: { minMs: 20, maxMs: 50 },
  });
});
afterEach(async () => {
  await plane.release();
  await rm(folder, { recursive: true });
});

function service(name: string, address: string, endpoint = '10.244.0.1:80'): ServicePlan {
  const port = { frontends: [frontendOf({ address: ip(address) })], cluster: [target(endpoint)] };
  return { ...planOf(port), name, clusterIps: [ip(address)] };
}

function planWith(...services: readonly ServicePlan[]): L4Plan {
  return {
    services: PersistentMap.from(services.map((item) => [`${item.namespace}/${item.name}`, item] as const)),
    hairpins: PersistentMap.empty(),
    balancerIps: PersistentMap.empty(),
    announcedIps: PersistentMap.empty(),
    node: NODE_PLAN,
  };
}

function listed(): string {
  return run('nft', ['list', 'table', 'ip', 'sluice']);
}

test('tables that go before the first program is complete are made anew', async () => {
  const plan = planWith(service('a', '10.96.0.1'));
  onProgrammed = () => {
    onProgrammed = () => undefined;
    otherNft('flush ruleset');
  };
  await expect(plane.apply(plan, never)).rejects.toBeInstanceOf(Fault);
  await plane.apply(plan, never);
  expect(listed()).toContain('10.96.0.1');
});

test('Services take over addresses of one another beside one that the kernel refuses', async () => {
  // Each wants the address that the next one has, so that only one order of all would do.
  const row = (shift: number): readonly ServicePlan[] =>
    [1, 2, 3, 4, 5].map((number) =>
      service(`s${String(number)}`, `10.96.0.${String(number + shift)}`, `10.244.0.${String(number)}:80`),
    );
  const keeper = service('keeper', '10.96.0.20');
  await plane.apply(planWith(...row(0), keeper), never);
  // Compile would have settled whose that address is.
  await plane.apply(planWith(...row(1), keeper, service('bad', '10.96.0.20', '10.244.0.9:80')), never);
  expect(refused).toEqual(['bad']);
  expect(listed()).toContain('10.96.0.6 ');
  expect(plane.programmed?.services.size).toBe(6);
});

test('a Service that the kernel refuses is tried again by itself, and the rest stays as it is', async () => {
  const stop = new AbortController();
  const runner = new Runner(plane, silentLogger, { applied: () => undefined, failed: () => undefined });
  const running = runner.run(stop.signal);
  try {
    runner.want(planWith(service('keeper', '10.96.0.20')));
    await vi.waitFor(() => expect(runner.state.kind).toBe('applied'), { timeout: 10_000 });
    // With its handles, by which rules that were made anew could be told.
    const rules = run('nft', ['-a', 'list', 'chain', 'ip', 'sluice', 'services']);
    runner.want(
      planWith(
        service('keeper', '10.96.0.20'),
        service('other', '10.96.0.21', '10.244.0.2:80'),
        service('bad', '10.96.0.20', '10.244.0.9:80'),
      ),
    );
    await vi.waitFor(() => expect(refused.length).toBeGreaterThan(3), { timeout: 10_000 });
    expect(new Set(refused)).toEqual(new Set(['bad']));
    expect(plane.programmed?.services.has('ns/other')).toBe(true);
    expect(plane.programmed?.services.has('ns/bad')).toBe(false);
    // What stood in its way goes, and nobody tells.
    otherNft(`delete element ip sluice services { 10.96.0.20 . tcp . 80 }
      delete element ip sluice only-endpoint-tcp { 10.96.0.20 . 80 }
      delete element ip sluice cluster-ips { 10.96.0.20 }`);
    await vi.waitFor(() => expect(plane.programmed?.services.has('ns/bad')).toBe(true), { timeout: 10_000 });
    expect(listed()).toContain('10.244.0.9 . 80');
    expect(run('nft', ['-a', 'list', 'chain', 'ip', 'sluice', 'services'])).toBe(rules);
  } finally {
    stop.abort();
    await running;
  }
});

test.skipIf('missing' in OTHER_NFT)(
  'a table of others that the nft of the machine cannot read holds nothing up',
  async () => {
    if ('missing' in OTHER_NFT) return;
    // nft 1.0.6 aborts when it is to list this rule, which newer kernels take.
    const foreign =
      'add table ip foreign; add chain ip foreign c; add rule ip foreign c meta mark set ct mark or meta mark';
    run(OTHER_NFT.path, ['-f', '-'], `${foreign}\n`);
    const sticky = (endpoint: string): ServicePlan => ({
      ...planOf({
        frontends: [frontendOf({ address: ip('10.96.0.2') })],
        cluster: [target(endpoint)],
        affinityTimeoutS: 60,
      }),
      name: 'sticky',
    });
    await plane.apply(planWith(service('a', '10.96.0.1'), sticky('10.244.0.1:80')), never);
    await plane.apply(planWith(service('b', '10.96.0.3'), sticky('10.244.0.2:80')), never);
    plane.disturb('a test');
    await plane.apply(planWith(service('c', '10.96.0.4'), sticky('10.244.0.2:80')), never);
    const ours = run(OTHER_NFT.path, ['list', 'table', 'ip', 'sluice']);
    expect(ours).toContain('10.96.0.4 ');
    expect(ours).not.toMatch(/10\.96\.0\.[13] /);
    expect(run(OTHER_NFT.path, ['list', 'table', 'ip', 'foreign'])).toContain('meta mark set ct mark | meta mark');
  },
);
