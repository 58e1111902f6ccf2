/** Kubeconfig files mean to Sluice what they mean to kubectl, however they are put together. */
import fc from 'fast-check';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadKubeconfig } from '../../src/kube/kubeconfig.ts';
import { clusterAssets } from './assets.ts';

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
