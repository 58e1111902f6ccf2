import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { defaultTimings } from '../../src/kube/reflection.ts';
import { makeCertificate } from '../traffic/certificate.ts';
import { ingress, Shop } from './shop.ts';

/** Lists of one selection that cost the API server work: one is needed, and one more where a watch-list breaks off. */
const FEW = 2;

/** After which a watch has proven itself, and somewhat more. */
const SETTLED_MS = defaultTimings.settleMs + 1_000;

describe('traffic while the API server has troubles', () => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await Shop.open();
    const pem = makeCertificate('shop', ['tls.test']);
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/tls',
      metadata: { name: 'tls', namespace: 'shop' },
      stringData: { 'tls.crt': pem.certificate, 'tls.key': pem.key },
    };
    await shop.apply(ingress('tls', 'tls.test', { secret: 'tls' }), JSON.stringify(secret));
    await shop.lab.until('TLS', async () => (await shop.lab.get('https://tls.test/')).certificate === 'shop');
  });

  afterAll(() => shop.close());

  beforeEach(async () => {
    await shop.expectSynced();
    // Watches that have just been opened again still count the failures of the test before, and would be tried again the later.
    await sleep(SETTLED_MS);
  });

  afterEach(() => {
    shop.proxy.trouble = undefined;
  });

  /** The most often that any selection was listed since `mark`. An API server that has just started refuses some tries. */
  function mostLists(mark: number): number {
    return Math.max(0, ...shop.proxy.countSince(mark, 'list', 'served').values());
  }

  it('goes on while etcd is gone, and so do status writes when it is back', async () => {
    const failures = await shop.failuresDuring(async () => {
      const mark = shop.proxy.requests.length;
      const output = shop.lab.output.length;
      await shop.cluster.stopEtcd();
      try {
        await shop.expectOutput(output, /leader election failed/);
      } finally {
        await shop.cluster.startEtcd();
      }
      await vi.waitFor(() => shop.apply(ingress('after-etcd', 'after-etcd.test')), { timeout: 60_000, interval: 200 });
      await shop.lab.until('a new host', async () => (await shop.statusOf('http://after-etcd.test/')) === 200);
      await shop.expectAddress('after-etcd');
      expect(mostLists(mark)).toBeLessThanOrEqual(FEW);
    });
    expect(failures).toEqual([]);
  });

  it('goes on when kube-apiserver is killed in the middle of watches, and lists nothing twice', async () => {
    const failures = await shop.failuresDuring(async () => {
      const mark = shop.proxy.requests.length;
      const output = shop.lab.output.length;
      await shop.cluster.killApiServer();
      try {
        await shop.expectOutput(output, /a source is stale/);
      } finally {
        await shop.cluster.startApiServer();
      }
      await shop.expectNewHost('after-kill');
      await shop.expectAddress('after-kill');
      expect(mostLists(mark)).toBeLessThanOrEqual(FEW);
    });
    expect(failures).toEqual([]);
  });

  it('goes on while kube-apiserver stands still with its connections open, and follows again when it goes on', async () => {
    const failures = await shop.failuresDuring(async () => {
      const mark = shop.proxy.requests.length;
      const output = shop.lab.output.length;
      shop.cluster.pauseApiServer();
      try {
        await shop.expectOutput(output, /leader election failed/);
        expect((await shop.lab.api('/readyz')).status).toBe(200);
      } finally {
        shop.cluster.resumeApiServer();
      }
      await shop.expectNewHost('after-freeze');
      await shop.expectAddress('after-freeze');
      expect(mostLists(mark)).toBeLessThanOrEqual(FEW);
    });
    expect(failures).toEqual([]);
  });

  it('goes on when the API server has forgotten the history since the last event, and removes what went meanwhile', async () => {
    await shop.expectNewHost('forgotten');
    const failures = await shop.failuresDuring(async () => {
      const mark = shop.proxy.requests.length;
      shop.proxy.trouble = { status: 503 };
      shop.proxy.cut();
      await shop.cluster.kubectl(['delete', 'ingress', '-n', 'shop', 'forgotten']);
      await shop.cluster.forgetHistory();
      shop.proxy.trouble = undefined;
      await shop.lab.until('404', async () => (await shop.statusOf('http://forgotten.test/')) === 404);
      await shop.expectNewHost('after-410');
      const lists = shop.proxy.countSince(mark, 'list');
      expect(lists.get('/apis/networking.k8s.io/v1/ingresses')).toBeGreaterThanOrEqual(1);
      expect(mostLists(mark)).toBeLessThanOrEqual(FEW);
    });
    expect(failures).toEqual([]);
  });

  it.each([
    { name: '429 with Retry-After', trouble: { status: 429, retryAfterSeconds: 2 }, leastGapMs: 2_000 },
    { name: '500', trouble: { status: 500 }, leastGapMs: 0 },
  ])('answers of $name are met with patience and not with lists', async ({ trouble, leastGapMs }) => {
    const failures = await shop.failuresDuring(async () => {
      const mark = shop.proxy.requests.length;
      const output = shop.lab.output.length;
      shop.proxy.trouble = trouble;
      shop.proxy.cut();
      await shop.expectOutput(output, /a source is stale/);
      const watchesOf = (selection: string): readonly number[] =>
        shop.proxy.requests
          .slice(mark)
          .filter((request) => request.kind === 'watch' && request.selection === selection)
          .map(({ atMs }) => atMs);
      const ingresses = '/apis/networking.k8s.io/v1/ingresses';
      await shop.lab.until('some tries', () => Promise.resolve(watchesOf(ingresses).length >= 3));
      const times = watchesOf(ingresses);
      const gaps = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0));
      // Timers of Node may fire a millisecond early.
      expect(Math.min(...gaps)).toBeGreaterThanOrEqual(leastGapMs - 5);
      expect((await shop.lab.api('/readyz')).status).toBe(200);
      shop.proxy.trouble = undefined;
      await shop.expectNewHost(`after-${String(trouble.status)}`);
      expect(shop.proxy.countSince(mark, 'list')).toEqual(new Map());
    });
    expect(failures).toEqual([]);
  });

  it('has reloaded nothing all the while', async () => {
    expect(await shop.lab.reloads()).toBe(0);
  });
});
