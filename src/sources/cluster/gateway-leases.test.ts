import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeApiServer } from '../../../test/fakes/apiserver/apiserver.ts';
import { until } from '../../../test/fakes/reflection-lab.ts';
import { KubeClient } from '../../kube/client.ts';
import { leaseResource } from '../../kube/lease.ts';
import { silentLogger } from '../../lib/logger.ts';
import { sleep } from '../../lib/sleep.ts';
import { ipAddressOf } from '../../model/grammar.ts';
import { addressText } from '../../model/published-address.ts';
import { GATEWAY_LABEL, gatewayAnnotations, GatewayLeases } from './gateway-leases.ts';

/** Short, and long enough for a busy machine to renew in time. */
const LEASE_MS = 2_000;

describe('GatewayLeases', () => {
  let server: FakeApiServer;
  let client: KubeClient;
  const ends: (() => Promise<void>)[] = [];
  let seen: string[];

  beforeEach(async () => {
    server = await FakeApiServer.start({ bookmarkIntervalMs: 100 });
    client = new KubeClient({ config: server.config(), logger: silentLogger, userAgent: 'gateways-test/1' });
    seen = [];
  });
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
    client.close();
    await server.close();
  });

  function run(work: (signal: AbortSignal) => Promise<void>): () => Promise<void> {
    const stop = new AbortController();
    const ended = work(stop.signal);
    const end = async (): Promise<void> => {
      stop.abort();
      await ended;
    };
    ends.push(end);
    return end;
  }

  function follow(): void {
    const leases = new GatewayLeases({
      client,
      namespace: 'default',
      gatewaysOf: 'sluice',
      logger: silentLogger,
      onChange: ({ addresses }) => seen.push(addresses.map(addressText).join(' ')),
      timings: { settleMs: 20, backoff: { minMs: 5, maxMs: 20 } },
    });
    run((signal) => leases.run(signal));
  }

  /** A gateway that lives. */
  function gateway(name: string, address: string, renewPeriodMs = 50): () => Promise<void> {
    const ip = ipAddressOf(address);
    const heartbeat = client.heartbeat({
      lease: { namespace: 'default', name },
      identity: name,
      labels: { [GATEWAY_LABEL]: 'sluice' },
      fieldManager: 'sluice',
      timings: { leaseDurationMs: LEASE_MS, renewPeriodMs },
    });
    heartbeat.annotate(gatewayAnnotations(ip === undefined ? [] : [{ ip }], [], 'node-1'));
    return run((signal) => heartbeat.run(signal));
  }

  /** What is left of a gateway that was killed. */
  function killed(name: string, address: string, label = 'sluice'): void {
    const metadata = { namespace: 'default', name, labels: { [GATEWAY_LABEL]: label } };
    const annotations = { 'sluice.dev/addresses': address };
    const spec = {
      holderIdentity: name,
      leaseDurationSeconds: LEASE_MS / 1_000,
      renewTime: '2000-01-01T00:00:00.000000Z',
    };
    server.seed('leases', [{ metadata: { ...metadata, annotations }, spec }]);
  }

  function leaseNames(): readonly string[] {
    const resource = { ...leaseResource, hasStatus: false, isCustom: false };
    return server.storage.at(resource, server.storage.revision).map(({ metadata }) => metadata.name);
  }

  it('gives the addresses of all gateways, of one less at once when one ends, and of no other class', async () => {
    killed('foreign', '192.0.2.9', 'sluice-other');
    gateway('a', '192.0.2.1');
    const end = gateway('b', '192.0.2.2');
    await until(() => expect(leaseNames()).toHaveLength(3));
    follow();
    await until(() => expect(seen).toEqual(['192.0.2.1 192.0.2.2']));
    await end();
    await until(() => expect(seen).toEqual(['192.0.2.1 192.0.2.2', '192.0.2.1']));
    expect(leaseNames()).toContain('foreign');
  });

  it('leaves out a gateway that gives no sign of life any more, and removes its Lease', async () => {
    killed('b', '192.0.2.2');
    gateway('a', '192.0.2.1');
    await until(() => expect(leaseNames()).toHaveLength(2));
    follow();
    // By its own clock, and not by the time that the Lease says.
    await until(() => expect(seen).toEqual(['192.0.2.1 192.0.2.2']));
    await until(() => expect(seen).toEqual(['192.0.2.1 192.0.2.2', '192.0.2.1']));
    await until(() => expect(leaseNames()).toEqual(['a']));
  });

  it('counts a gateway again that was only slow', async () => {
    killed('b', '192.0.2.2');
    gateway('a', '192.0.2.1');
    await until(() => expect(leaseNames()).toHaveLength(2));
    const mend = server.faults.add({ verbs: ['delete'], trouble: { kind: 'status', status: 500 } });
    follow();
    await until(() => expect(seen).toEqual(['192.0.2.1 192.0.2.2', '192.0.2.1']));
    gateway('b', '192.0.2.2');
    await until(() => expect(seen).toEqual(['192.0.2.1 192.0.2.2', '192.0.2.1', '192.0.2.1 192.0.2.2']));
    mend();
  });

  it('never leaves out all at once', async () => {
    killed('a', '192.0.2.1');
    killed('b', '192.0.2.2');
    follow();
    await until(() => expect(seen).toEqual(['192.0.2.1 192.0.2.2']));
    await sleep(LEASE_MS * 1.3);
    expect(seen).toEqual(['192.0.2.1 192.0.2.2']);
    expect(leaseNames()).toHaveLength(2);
  });

  it('leaves out none because the API server was away for longer than a Lease lasts', async () => {
    gateway('a', '192.0.2.1', 50);
    // Comes back later than the other one.
    gateway('b', '192.0.2.2', LEASE_MS * 0.5);
    await until(() => expect(leaseNames()).toHaveLength(2));
    follow();
    await until(() => expect(seen).toEqual(['192.0.2.1 192.0.2.2']));
    await server.refuseConnections();
    await sleep(LEASE_MS * 1.3);
    await server.acceptConnections();
    await sleep(LEASE_MS * 1.3);
    expect(seen).toEqual(['192.0.2.1 192.0.2.2']);
  });

  it('leaves out none because this process stood still', async () => {
    gateway('a', '192.0.2.1');
    gateway('b', '192.0.2.2');
    await until(() => expect(leaseNames()).toHaveLength(2));
    follow();
    await until(() => expect(seen).toEqual(['192.0.2.1 192.0.2.2']));
    // As when it is suspended: nothing runs, and time passes.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, LEASE_MS * 1.5);
    await sleep(LEASE_MS);
    expect(seen).toEqual(['192.0.2.1 192.0.2.2']);
  });

  it('reads past what is no address', async () => {
    killed('a', '192.0.2.1,,lb.example.com,not an address');
    follow();
    await until(() => expect(seen).toEqual(['192.0.2.1 lb.example.com']));
  });
});
