import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../traffic/certificate.ts';
import { ingress, Shop } from './shop.ts';

const NO_FINDINGS = '{"items":[]}';

/** A Secret with a certificate of this common name; with another `key`, one that does not fit. */
function secret(name: string, commonName: string, host: string, key?: string): string {
  const pem = makeCertificate(commonName, [host]);
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace: 'shop' },
    stringData: { 'tls.crt': pem.certificate, 'tls.key': key ?? pem.key },
  });
}

describe('Secrets that cannot be read, or not yet', { timeout: 120_000 }, () => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await Shop.open();
    await shop.apply(secret('tls', 'first', 'tls.test'), ingress('tls', 'tls.test', { secret: 'tls' }));
    await shop.lab.until('TLS', async () => (await certificate('tls.test')) === 'first');
  });
  afterAll(() => shop.close());
  afterEach(() => {
    shop.proxy.trouble = undefined;
  });

  async function certificate(host: string): Promise<string> {
    return (await shop.lab.get(`https://${host}/`)).certificate;
  }

  async function findings(): Promise<string> {
    return (await shop.lab.api('/api/v1/findings')).body;
  }

  /** The reasons of the Events about an Ingress. */
  async function events(name: string): Promise<string> {
    const selector = `involvedObject.kind=Ingress,involvedObject.name=${name}`;
    return shop.cluster.kubectl([
      'get',
      'events',
      '-A',
      '--field-selector',
      selector,
      '-o',
      'jsonpath={.items[*].reason}',
    ]);
  }

  /** Asks for the certificate of a host again and again while `work` is done, and returns all that were shown. */
  async function certificatesDuring(host: string, work: () => Promise<void>): Promise<ReadonlySet<string>> {
    const seen = new Set<string>();
    let isDone = false;
    const asking = (async () => {
      while (!isDone) seen.add(await certificate(host));
    })();
    await work().finally(() => (isDone = true));
    await asking;
    return seen;
  }

  it('keeps the certificate of a live host until the Secret that it names instead has been read', async () => {
    const gate = Promise.withResolvers<void>();
    shop.proxy.trouble = { until: gate.promise, selection: /secrets metadata\.name=renamed/ };
    const seen = await certificatesDuring('tls.test', async () => {
      await shop.apply(secret('renamed', 'second', 'tls.test'), ingress('tls', 'tls.test', { secret: 'renamed' }));
      const asked = (): boolean => shop.proxy.requests.some(({ selection }) => selection.endsWith('=renamed'));
      await shop.lab.until('the question for it', () => Promise.resolve(asked()));
      expect(await certificate('tls.test')).toBe('first');
      expect(await findings()).toBe(NO_FINDINGS);
      gate.resolve();
      await shop.lab.until('the new one', async () => (await certificate('tls.test')) === 'second');
    });
    expect(seen).toEqual(new Set(['first', 'second']));
    expect(await events('tls')).toBe('');
  });

  it('shows a new host with its certificate, or not at all, and writes no Event about a Secret that is there', async () => {
    const gate = Promise.withResolvers<void>();
    shop.proxy.trouble = { until: gate.promise, selection: /secrets metadata\.name=fresh/ };
    await shop.apply(secret('fresh', 'fresh', 'fresh.test'), ingress('fresh', 'fresh.test', { secret: 'fresh' }));
    const asked = (): boolean => shop.proxy.requests.some(({ selection }) => selection.endsWith('=fresh'));
    await shop.lab.until('the question for it', () => Promise.resolve(asked()));
    expect(await shop.statusOf('http://fresh.test/')).toBe(404);
    gate.resolve();
    await shop.lab.until('200', async () => (await shop.statusOf('https://fresh.test/')) === 200);
    expect(await certificate('fresh.test')).toBe('fresh');
    await shop.expectAddress('fresh');
    expect(await events('fresh')).toBe('');
  });

  it('starts although a Secret is answered with 500 for ever: its own host alone lacks a certificate, and it is said why', async () => {
    await shop.lab.signal('SIGTERM');
    shop.proxy.trouble = { status: 500, selection: /secrets metadata\.name=lost/ };
    await shop.apply(secret('lost', 'lost', 'lost.test'), ingress('lost', 'lost.test', { secret: 'lost' }));
    await shop.lab.start();
    expect(await certificate('tls.test')).toBe('second');
    expect(await shop.statusOf('https://lost.test/')).toBe(200);
    expect(await findings()).toMatch(/SLU310.*lost.*the API server answered 500/);
    await shop.expectSynced();
    shop.proxy.trouble = undefined;
    await shop.lab.until('the certificate', async () => (await certificate('lost.test')) === 'lost');
    expect(await findings()).toBe(NO_FINDINGS);
  });

  it('starts with the certificates that it served last while every Secret is refused, and says so', async () => {
    shop.lab.agent.destroy();
    await shop.lab.signal('SIGTERM');
    shop.proxy.trouble = { status: 403, selection: /secrets / };
    await shop.lab.start();
    expect(await certificate('tls.test')).toBe('second');
    expect(await certificate('lost.test')).toBe('lost');
    expect(await findings()).toMatch(/SLU310.*tls\.test keeps its last certificate/);
    shop.proxy.trouble = undefined;
    await shop.lab.until('all of them', async () => (await findings()) === NO_FINDINGS);
    expect(await certificate('tls.test')).toBe('second');
  });

  it('keeps the certificate of a Secret that breaks, says so, and takes the next good one', async () => {
    const reloads = await shop.lab.reloads();
    const seen = await certificatesDuring('tls.test', async () => {
      await shop.apply(secret('renamed', 'broken', 'tls.test', makeCertificate('other', ['tls.test']).key));
      await shop.lab.until('the Finding', async () => (await findings()).includes('SLU304'));
      await shop.lab.until('the Event', async () => (await events('tls')).includes('CertificateKeyMismatch'));
      expect(await certificate('tls.test')).toBe('second');
      await shop.apply(secret('renamed', 'third', 'tls.test'));
      await shop.lab.until('the next one', async () => (await certificate('tls.test')) === 'third');
    });
    expect(seen).toEqual(new Set(['second', 'third']));
    expect(await shop.lab.reloads()).toBe(reloads);
  });
});
