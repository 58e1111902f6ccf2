import { createServer } from 'node:net';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { changesOf, compileChanges } from '../../test/golden/compile-manifest.ts';
import type { Plan } from '../compile/plan.ts';
import { LOOPBACK } from '../../test/loopback.ts';
import { createApi, startApi } from './api.ts';
import { Metrics } from './metrics.ts';

const plan = compileChanges(
  changesOf(`
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: shop }
spec:
  rules:
    - host: a.test
      http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: gone, port: { number: 80 } } } }] }
`),
);

/** Sends a GET; JSON comes back parsed. */
async function get(
  path: string,
  { known = plan, missing = [] }: { readonly known?: Plan | 'none'; readonly missing?: readonly string[] } = {},
): Promise<{ readonly status: number; readonly body: unknown }> {
  const api = createApi({
    notReady: () => missing,
    plan: () => (known === 'none' ? undefined : known),
    programmed: () => undefined,
    hasLocalhostNodePorts: false,
    metrics: new Metrics(),
    version: '1.2.3',
  });
  const response = await api.request(path);
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return { status: response.status, body: isJson ? (JSON.parse(text) as unknown) : text };
}

describe('the API', () => {
  it('is alive as soon as it answers, and ready when nothing is missing', async () => {
    expect(await get('/livez', { missing: ['everything'] })).toMatchObject({ status: 200 });
    expect(await get('/readyz')).toEqual({ status: 200, body: { ready: true, reasons: [] } });
    expect(await get('/readyz', { missing: ['source x is stale'] })).toEqual({
      status: 503,
      body: { ready: false, reasons: ['source x is stale'] },
    });
  });

  it('shows what is served', async () => {
    expect(await get('/api/v1/routes')).toMatchObject({
      body: { items: [{ host: 'a.test', target: '503 service-missing' }] },
    });
    expect(await get('/api/v1/findings')).toMatchObject({ body: { items: [{ reason: 'ServiceNotFound' }] } });
    expect(await get('/api/v1/services')).toEqual({ status: 200, body: { items: [] } });
    expect(await get('/api/v1/certificates')).toEqual({ status: 200, body: { items: [] } });
    expect(await get('/api/v1/version')).toEqual({ status: 200, body: { version: '1.2.3' } });
  });

  it.each(['routes', 'services', 'certificates', 'findings'])('shows no %s before there is a plan', async (name) => {
    expect(await get(`/api/v1/${name}`, { known: 'none' })).toEqual({ status: 200, body: { items: [] } });
  });

  it('counts findings by code in its metrics', async () => {
    const { body } = await get('/metrics');
    expect(body).toMatch(/^sluice_findings\{.*code="SLU207".*\} 1$/m);
    expect((await get('/metrics', { known: 'none' })).body).not.toContain('SLU207');
  });

  it('says which paths there are for one that there is not', async () => {
    const { status, body } = await get('/api/v1/nothing');
    expect(status).toBe(404);
    expect(body).toMatchObject({ paths: expect.arrayContaining(['/readyz', '/api/v1/routes']) });
  });

  it('listens where it is told to, IPv6 too, and says when somebody else does', async () => {
    const api = createApi({
      notReady: () => [],
      plan: () => undefined,
      programmed: () => undefined,
      hasLocalhostNodePorts: false,
      metrics: new Metrics(),
      version: '1',
    });
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? String(address.port) : '';
    await expect(startApi(api, `127.0.0.1:${port}`)).rejects.toMatchObject({ code: 'api-address', retryable: false });
    await new Promise<void>((resolve) => other.close(() => resolve()));
    const running = await startApi(api, `127.0.0.1:${port}`);
    expect((await fetch(`http://127.0.0.1:${port}/livez`)).status).toBe(200);
    await running.close();
    const everywhere = await startApi(api, `:${port}`);
    for (const host of LOOPBACK) expect((await fetch(`http://${host}:${port}/livez`)).status).toBe(200);
    await everywhere.close();
    await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow('fetch failed');
  });
});
