import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changesOf, compileChanges } from '../../test/golden/compile-manifest.ts';
import { Fault } from '../lib/fault.ts';
import type { Plan } from '../compile/plan.ts';
import { finding } from '../model/finding.ts';
import { LOOPBACK } from '../../test/loopback.ts';
import {
  API_PATHS,
  createApi,
  createHealth,
  HEALTH_PATHS,
  startServer,
  type ApiSource,
  type RunningServer,
} from './api.ts';
import { ApiToken } from './api-token.ts';
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

const SOURCE: ApiSource = {
  notReady: () => [],
  plan: () => plan,
  refused: () => [],
  programmed: () => undefined,
  held: () => undefined,
  announcers: () => [],
  explainAddress: () => undefined,
  peers: () => undefined,
  hasLocalhostNodePorts: false,
  metrics: new Metrics(),
  version: '1.2.3',
};

/** Serves at a port of this host that is free, and at another where somebody else takes it first. */
async function onFreePort(host: string, use: (server: RunningServer, port: string) => Promise<void>): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const probe = createServer().listen(0);
    await once(probe, 'listening');
    const address = probe.address();
    const port = typeof address === 'object' && address !== null ? String(address.port) : '';
    await new Promise<void>((resolve) => probe.close(() => resolve()));
    try {
      return await use(await startServer(createApi(SOURCE), `${host}:${port}`, '--a-flag'), port);
    } catch (thrown) {
      if (!(thrown instanceof Fault) || tries === 5) throw thrown;
    }
  }
}

/** Sends a GET; JSON comes back parsed. */
async function get(
  path: string,
  { known = plan, missing = [] }: { readonly known?: Plan | 'none'; readonly missing?: readonly string[] } = {},
): Promise<{ readonly status: number; readonly body: unknown }> {
  const api = createApi({
    ...SOURCE,
    notReady: () => missing,
    plan: () => (known === 'none' ? undefined : known),
    metrics: new Metrics(),
  });
  const response = await api.request(path);
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  return { status: response.status, body: isJson ? (JSON.parse(text) as unknown) : text };
}

describe('the API with a token', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-api-token-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const TOKEN = 'a-token-of-many-characters';

  async function statusOf(path: string, authorization?: string): Promise<number> {
    const file = join(folder, 'token');
    await writeFile(file, `${TOKEN}\n`);
    const api = createApi(SOURCE, await ApiToken.open(file));
    const response = await api.request(path, { headers: authorization === undefined ? {} : { authorization } });
    return response.status;
  }

  it('shows objects to whoever has it, and to nobody else', async () => {
    for (const path of API_PATHS.filter((each) => !HEALTH_PATHS.includes(each))) {
      for (const wrong of [undefined, '', 'Bearer', 'Bearer ', `Bearer ${TOKEN}x`, `Basic ${TOKEN}`, TOKEN])
        expect(await statusOf(path, wrong), `${path} with ${wrong}`).toBe(401);
      expect(await statusOf(path, `Bearer ${TOKEN}`), path).not.toBe(401);
    }
  });

  it.each([
    '/api/v1/routes/',
    '//api/v1/routes',
    '/api/v1//routes',
    '/API/v1/routes',
    '/api/v1/%72outes',
    '/livez/../api/v1/routes',
  ])('shows nothing at %s without it', async (path) => {
    expect([401, 404]).toContain(await statusOf(path));
  });

  it.each(HEALTH_PATHS)('answers %s without it', async (path) => {
    expect(await statusOf(path)).toBe(200);
  });

  it.each([
    ['', 'it has no token of 16 characters or more'],
    ['short\n', 'it has no token of 16 characters or more'],
    [undefined, 'ENOENT'],
  ])('does not start with %j in the file', async (text, problem) => {
    const file = join(folder, 'other');
    if (text !== undefined) await writeFile(file, text);
    await expect(ApiToken.open(file)).rejects.toMatchObject({
      code: 'api-token',
      retryable: false,
      message: expect.stringContaining(problem) as string,
    });
  });
});

describe('health alone', () => {
  it.each(HEALTH_PATHS)('answers %s', async (path) => {
    expect((await createHealth(SOURCE).request(path)).status).toBe(200);
  });

  it('shows no object, and says which paths there are', async () => {
    for (const path of API_PATHS.filter((each) => !HEALTH_PATHS.includes(each))) {
      const response = await createHealth(SOURCE).request(path);
      expect(response.status).toBe(404);
      expect(await response.json()).toEqual({ error: 'no such path', paths: HEALTH_PATHS });
    }
  });
});

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

  it('shows what an engine refuses among the Findings, in their order, and counts it', async () => {
    const object = { kind: 'Secret', namespace: 'default', name: 'tls' } as const;
    const refused = [finding('RefusedByHaproxy', object, '', 'HAProxy refuses it')];
    const api = createApi({ ...SOURCE, refused: () => refused, metrics: new Metrics() });
    const { items } = (await (await api.request('/api/v1/findings')).json()) as { items: readonly { code: string }[] };
    expect(items.map(({ code }) => code)).toEqual(['SLU207', 'SLU901']);
    expect(await (await api.request('/metrics')).text()).toContain('code="SLU901"');
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
    const api = createApi(SOURCE);
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? String(address.port) : '';
    await expect(startServer(api, `127.0.0.1:${port}`, '--a-flag')).rejects.toMatchObject({
      code: 'listen',
      retryable: false,
      message: expect.stringContaining('Choose another with --a-flag.') as string,
    });
    await new Promise<void>((resolve) => other.close(() => resolve()));
    await onFreePort('127.0.0.1', async (running, free) => {
      expect((await fetch(`http://127.0.0.1:${free}/livez`)).status).toBe(200);
      await running.close();
    });
    await onFreePort('', async (everywhere, free) => {
      for (const host of LOOPBACK) expect((await fetch(`http://${host}:${free}/livez`)).status).toBe(200);
      await everywhere.close();
      await expect(fetch(`http://127.0.0.1:${free}/livez`)).rejects.toThrow('fetch failed');
    });
  });
});
