/** Kubeconfig files mean to Sluice what they mean to kubectl, however they are put together, and a real API server is reached by them. */
import fc from 'fast-check';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { loadKubeconfig } from '../../src/kube/kubeconfig.ts';
import { HttpProxy } from '../fakes/http-proxy.ts';
import { SLUICE } from '../traffic/lab.ts';
import { clusterAssets } from './assets.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';

type Json = Readonly<Record<string, unknown>>;

const NAMES = ['a', 'b', 'c'];

/** The entries of a list, at most one a name; some have fields that others of the same name lack. */
function listOf(content: string, fields: fc.Arbitrary<Json>): fc.Arbitrary<readonly Json[]> {
  const entry = fc.record({ name: fc.constantFrom(...NAMES), [content]: fields });
  return fc.uniqueArray(entry, { maxLength: 3, selector: ({ name }) => name });
}

const name = fc.constantFrom(...NAMES);

const file = fc.record(
  {
    'current-context': name,
    contexts: listOf(
      'context',
      fc.record({ cluster: name, user: name, namespace: name }, { requiredKeys: ['cluster'] }),
    ),
    clusters: listOf(
      'cluster',
      fc.record(
        {
          server: name.map((host) => `https://${host}.test:6443`),
          'tls-server-name': name,
          'proxy-url': fc.constant('http://p:1'),
        },
        { requiredKeys: ['server'] },
      ),
    ),
    users: listOf('user', fc.record({ token: name, tokenFile: fc.constant('token') }, { requiredKeys: [] })),
  },
  { requiredKeys: [] },
);

describe('kubeconfig files', () => {
  let kubectl: string;
  let folder: string;

  beforeAll(async () => {
    ({ kubectl } = await clusterAssets());
    folder = await mkdtemp(join(tmpdir(), 'sluice-kubeconfig-'));
  });

  afterAll(() => rm(folder, { recursive: true }));

  async function write(files: readonly Json[]): Promise<string> {
    const root = await mkdtemp(join(folder, 'files-'));
    const paths = files.map((_, index) => join(root, String(index), 'config'));
    for (const [index, content] of files.entries()) {
      const path = paths[index] ?? '';
      await mkdir(dirname(path));
      // Of a name of its own, since kubectl does not say which folder it is in.
      const tokenFile = `token-${String(index)}`;
      await writeFile(join(dirname(path), tokenFile), `of ${tokenFile}`);
      const text = stringify({ apiVersion: 'v1', kind: 'Config', ...content });
      await writeFile(path, text.replaceAll('tokenFile: token', `tokenFile: ${tokenFile}`));
    }
    return [join(root, 'missing'), ...paths].join(delimiter);
  }

  /** What kubectl says of the context that is meant, or undefined where it refuses. */
  async function askKubectl(paths: string, context: string | undefined): Promise<Json | undefined> {
    const args = ['config', 'view', '--minify', '--raw', '-o', 'json'];
    // Not by --context: kubectl shows nothing then where no file has a current context.
    const chosen = join(folder, 'chosen');
    await writeFile(chosen, context === undefined ? '' : stringify({ 'current-context': context }));
    const env = { ...process.env, KUBECONFIG: [chosen, paths].join(delimiter) };
    const said = await promisify(execFile)(kubectl, args, { env }).catch(() => undefined);
    return said === undefined ? undefined : (JSON.parse(said.stdout) as Json);
  }

  function first(view: Json, list: string, content: string): Json | undefined {
    const entries = (view[list] ?? []) as readonly Json[];
    return entries[0]?.[content] as Json | undefined;
  }

  it('are put together as kubectl does', async () => {
    let compared = 0;
    const check = async (files: readonly Json[], context: string | undefined): Promise<void> => {
      const paths = await write(files);
      const view = await askKubectl(paths, context);
      const loading = loadKubeconfig(paths, { contextName: context, environment: {} });
      const chosen = view === undefined ? undefined : first(view, 'contexts', 'context');
      if (view === undefined || chosen === undefined) {
        await expect(loading).rejects.toMatchObject({ code: 'kube-config' });
        return;
      }
      const cluster = first(view, 'clusters', 'cluster');
      const user = first(view, 'users', 'user');
      // kubectl shows a context also where its cluster or user is missing, and refuses it only when it connects.
      if (cluster === undefined || ((chosen['user'] ?? '') !== '' && user === undefined)) {
        await expect(loading).rejects.toMatchObject({ code: 'kube-config' });
        return;
      }
      compared += 1;
      const loaded = await loading;
      expect(loaded.server.origin).toBe(cluster['server']);
      expect(loaded.tlsServerName).toBe(cluster['tls-server-name']);
      expect(loaded.proxy?.host).toBe(cluster['proxy-url'] === undefined ? undefined : 'p:1');
      expect(loaded.namespace).toBe(chosen['namespace'] ?? 'default');
      expect(loaded.origin).toBe(`${paths}, context ${String(view['current-context'])}`);
      const { authorization } = await loaded.credentials.current();
      const tokenFile = user?.['tokenFile'];
      const token = typeof tokenFile === 'string' ? `of ${tokenFile}` : user?.['token'];
      expect(authorization).toBe(token === undefined ? undefined : `Bearer ${String(token)}`);
    };
    const files = fc.array(file, { minLength: 1, maxLength: 3 });
    const context = fc.option(name, { nil: undefined });
    await fc.assert(fc.asyncProperty(files, context, check), { numRuns: 150 });
    expect(compared).toBeGreaterThan(10);
  });
});

describe('sluice check of a real API server', () => {
  let cluster: ControlPlane;
  let proxy: HttpProxy;
  let folder: string;

  beforeAll(async () => {
    [cluster, proxy] = await Promise.all([startControlPlane({}), HttpProxy.start()]);
    folder = await mkdtemp(join(tmpdir(), 'sluice-check-proxy-'));
  });

  afterAll(async () => {
    await proxy.close();
    await cluster.stop();
    await rm(folder, { recursive: true });
  });

  it('goes through the proxy of the kubeconfig, by a context of the second file of KUBECONFIG', async () => {
    const original = parse(await readFile(cluster.kubeconfig(), 'utf8')) as {
      readonly clusters: readonly [{ readonly name: string; readonly cluster: Json }];
      readonly users: readonly [{ readonly name: string }];
    };
    const [{ name: clusterName, cluster: reached }] = original.clusters;
    const behind = { ...reached, 'proxy-url': proxy.url.href };
    const chosen = { name: 'behind', context: { cluster: clusterName, user: original.users[0].name } };
    const first = join(folder, 'first');
    await writeFile(first, stringify({ clusters: [{ name: clusterName, cluster: behind }], contexts: [chosen] }));
    const env = { ...process.env, KUBECONFIG: [first, cluster.kubeconfig()].join(delimiter) };
    const { stdout } = await promisify(execFile)(SLUICE, ['check', '--context', 'behind'], { env });
    expect(stdout).toContain(': nothing wrong');
    expect(new Set(proxy.targets)).toEqual(new Set([new URL(String(reached['server'])).host]));
  });
});
