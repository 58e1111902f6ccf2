import { createServer } from 'node:http';
import { once } from 'node:events';
import { expect, it, vi } from 'vitest';
import { freePort } from '../../test/cluster/free-port.ts';
import { silentLogger } from '../lib/logger.ts';
import { ProxyMode } from './proxy-mode.ts';

it('answers what kube-proxy would', async () => {
  const address = `127.0.0.1:${String(await freePort())}`;
  const proxyMode = new ProxyMode(address, silentLogger);
  await proxyMode.listen();
  try {
    expect(await (await fetch(`http://${address}/proxyMode`)).text()).toBe('nftables');
    expect(await (await fetch(`http://${address}/healthz`)).text()).toBe('ok');
    expect((await fetch(`http://${address}/`)).status).toBe(404);
  } finally {
    await proxyMode.close();
  }
});

it('waits for a kube-proxy that has its address', async () => {
  const port = await freePort();
  const kubeProxy = createServer().listen(port, '127.0.0.1');
  await once(kubeProxy, 'listening');
  const proxyMode = new ProxyMode(`127.0.0.1:${String(port)}`, silentLogger);
  await proxyMode.listen();
  try {
    kubeProxy.close();
    const ask = async (): Promise<string> => (await fetch(`http://127.0.0.1:${String(port)}/proxyMode`)).text();
    await vi.waitFor(async () => expect(await ask()).toBe('nftables'), { timeout: 20_000, interval: 200 });
  } finally {
    await proxyMode.close();
  }
});
