import { expect, it } from 'vitest';
import { freePort } from '../../test/cluster/free-port.ts';
import { LOOPBACK } from '../../test/loopback.ts';
import { silentLogger } from '../lib/logger.ts';
import { NodeHealth } from './node-health.ts';

it.each([
  ['has all', undefined, 200],
  ['waits for a moment', 5_000, 200],
  // Also the first time that anybody asks, and when nft neither ends nor fails.
  ['has waited too long', 61_000, 503],
] as const)('tells whether the kernel has the newest plan: it %s', async (_, behindMs, status) => {
  const address = `127.0.0.1:${String(await freePort())}`;
  const behindSinceMs = behindMs === undefined ? undefined : performance.now() - behindMs;
  const health = new NodeHealth(address, { behindSinceMs }, silentLogger);
  await health.listen(false);
  try {
    for (const path of ['healthz', 'livez']) expect((await fetch(`http://${address}/${path}`)).status).toBe(status);
  } finally {
    await health.close();
  }
});

it('answers on all addresses of both families where no host is given', async () => {
  const port = String(await freePort());
  const health = new NodeHealth(`:${port}`, { behindSinceMs: undefined }, silentLogger);
  await health.listen(false);
  try {
    for (const host of LOOPBACK) expect((await fetch(`http://${host}:${port}/livez`)).status).toBe(200);
  } finally {
    await health.close();
  }
});

it('is refused at the start where the address is none of this machine', async () => {
  // For documentation alone (RFC 5737): no machine has it.
  const health = new NodeHealth('192.0.2.1:10256', { behindSinceMs: undefined }, silentLogger);
  await expect(health.listen(false)).rejects.toMatchObject({ code: 'healthz-address', retryable: false });
});
