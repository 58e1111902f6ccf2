import { setTimeout as sleep } from 'node:timers/promises';
import { defaultTimings } from '../../src/kube/reflection.ts';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DEPLOY, Shop } from './shop.ts';

/** After which a watch has proven itself, and somewhat more. */
const SETTLED_MS = defaultTimings.settleMs + 1_000;

/** A refused start once took the world for empty after ten seconds. In milliseconds. */
const LONG_MS = 13_000;

describe('a gateway whose API server refuses it', { timeout: 120_000 }, () => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await Shop.open();
    await shop.lab.until('web', async () => (await shop.statusOf('http://web.test/')) === 200);
  });
  afterAll(() => shop.close());
  afterEach(async () => {
    shop.proxy.trouble = undefined;
    await grant();
  });

  async function refuse(): Promise<void> {
    await shop.cluster.kubectl(['delete', 'clusterrolebinding', 'sluice']);
  }

  async function grant(): Promise<void> {
    await shop.cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', DEPLOY]);
  }

  /** Starts Sluice anew, and waits until it has been refused for long. */
  async function restartRefused(): Promise<void> {
    await shop.lab.signal('SIGTERM');
    shop.lab.output = '';
    shop.lab.spawn();
    await sleep(LONG_MS);
    await shop.lab.until('HAProxy', async () => (await shop.statusOf('http://web.test/')) === 200);
  }

  /** Not ready, for this reason, while what was served last is served. */
  async function expectRefused(reason: RegExp): Promise<void> {
    expect(await shop.lab.api('/readyz')).toMatchObject({ status: 503, body: expect.stringMatching(reason) });
    expect(shop.lab.output).not.toContain('"ready"');
  }

  async function expectServing(name: string): Promise<void> {
    await shop.lab.until('ready', async () => (await shop.lab.api('/readyz')).status === 200);
    await shop.expectNewHost(name);
    expect(await shop.statusOf('http://web.test/')).toBe(200);
  }

  it('starts with what it served last, says what it may not read, and takes up the rest when it is granted', async () => {
    await refuse();
    await restartRefused();
    await expectRefused(/ingresses\.networking\.k8s\.io cannot be read: .*403.*deploy\/ has the rules/);
    await grant();
    await expectServing('after-grant');
  });

  it('starts in the same way when every path is answered with 404', async () => {
    shop.proxy.trouble = { status: 404 };
    await restartRefused();
    await expectRefused(/cannot be read: .*404.*Every cluster has it/);
    shop.proxy.trouble = undefined;
    await expectServing('after-404');
  });

  it.each([
    { what: 'its grant is taken away', begin: refuse, end: grant },
    {
      what: 'every path is answered with 404',
      begin: () => Promise.resolve(void (shop.proxy.trouble = { status: 404 })),
      end: () => Promise.resolve(void (shop.proxy.trouble = undefined)),
    },
  ])('goes on with what it has when $what, says that it may be old, and follows again', async ({ begin, end }) => {
    const failures = await shop.failuresDuring(async () => {
      await shop.expectSynced();
      // A watch that is cut before it has proven itself says that it was cut, whatever comes after.
      await sleep(SETTLED_MS);
      const output = shop.lab.output.length;
      await begin();
      shop.proxy.cut();
      await shop.expectOutput(output, /cannot be read.*a source is stale; what it gave keeps being served/);
      expect((await shop.lab.api('/readyz')).status).toBe(200);
      await end();
      await shop.expectSynced();
      await shop.expectNewHost('followed');
      await shop.cluster.kubectl(['delete', 'ingress', '-n', 'shop', 'followed']);
    });
    expect(failures).toEqual([]);
  });
});
