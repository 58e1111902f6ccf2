import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { loadKubeconfig } from './kubeconfig.ts';

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'kubeconfig-'));
});
afterEach(() => rm(dir, { recursive: true }));

type Fields = Readonly<Record<string, unknown>>;

async function write(text: string): Promise<string> {
  const path = join(dir, 'config');
  await writeFile(path, text);
  return path;
}

/** A kubeconfig with one context, `one`. */
function config({
  cluster = {},
  user = {},
  context = {},
}: { cluster?: Fields; user?: Fields; context?: Fields } = {}): string {
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': 'one',
    contexts: [{ name: 'one', context: { cluster: 'c', user: 'u', ...context } }],
    clusters: [{ name: 'c', cluster: { server: 'https://127.0.0.1:6443', ...cluster } }],
    users: [{ name: 'u', user }],
  });
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe('loadKubeconfig', () => {
  it('reads what is written down', async () => {
    const path = await write(
      config({
        cluster: { 'certificate-authority-data': base64('the CA'), 'tls-server-name': 'kubernetes' },
        user: {
          'client-certificate-data': base64('the certificate'),
          'client-key-data': base64('the key'),
          token: 'secret',
        },
        context: { namespace: 'shop' },
      }),
    );
    const loaded = await loadKubeconfig(path);
    expect(loaded).toMatchObject({
      origin: `${path}, context one`,
      namespace: 'shop',
      tlsServerName: 'kubernetes',
      isTlsUnverified: false,
    });
    expect(loaded.server.href).toBe('https://127.0.0.1:6443/');
    await expect(loaded.credentials.current()).resolves.toEqual({
      authority: 'the CA',
      certificate: 'the certificate',
      key: 'the key',
      authorization: 'Bearer secret',
    });
  });

  it('finds files relative to the kubeconfig, and reads a changed token file after a 401', async () => {
    await mkdir(join(dir, 'pki'));
    await writeFile(join(dir, 'pki', 'ca.crt'), 'the CA');
    await writeFile(join(dir, 'pki', 'client.crt'), 'the certificate');
    await writeFile(join(dir, 'pki', 'client.key'), 'the key');
    await writeFile(join(dir, 'token'), 'first\n');
    const user = {
      'client-certificate': 'pki/client.crt',
      'client-key': 'pki/client.key',
      tokenFile: 'token',
      token: 'old',
    };
    const path = await write(config({ cluster: { 'certificate-authority': 'pki/ca.crt' }, user }));
    const { credentials } = await loadKubeconfig(path);
    const first = await credentials.current();
    expect(first).toEqual({
      authority: 'the CA',
      certificate: 'the certificate',
      key: 'the key',
      authorization: 'Bearer first',
    });
    await writeFile(join(dir, 'token'), 'second\n');
    await expect(credentials.current()).resolves.toMatchObject({ authorization: 'Bearer first' });
    credentials.reject(first);
    await expect(credentials.current()).resolves.toMatchObject({ authorization: 'Bearer second' });
  });

  it('takes a user name with a password', async () => {
    const { credentials } = await loadKubeconfig(await write(config({ user: { username: 'ann', password: 'a:b' } })));
    await expect(credentials.current()).resolves.toMatchObject({ authorization: `Basic ${base64('ann:a:b')}` });
  });

  it('takes a context without a user, and the namespace default', async () => {
    const loaded = await loadKubeconfig(await write(config({ context: { user: '' } })));
    expect(loaded.namespace).toBe('default');
    await expect(loaded.credentials.current()).resolves.toEqual({ authority: undefined });
  });

  it('takes the context that is named', async () => {
    const other = {
      'current-context': 'a',
      contexts: ['a', 'b'].map((name) => ({ name, context: { cluster: name } })),
      clusters: ['a', 'b'].map((name) => ({ name, cluster: { server: `https://${name}.test` } })),
    };
    const path = await write(stringify(other));
    expect((await loadKubeconfig(path)).server.hostname).toBe('a.test');
    expect((await loadKubeconfig(path, { contextName: 'b' })).server.hostname).toBe('b.test');
  });

  it('takes the proxy of the cluster before that of the environment', async () => {
    const environment = { HTTPS_PROXY: 'http://of-environment:3128' };
    const proxyOf = async (cluster: Fields): Promise<string | undefined> =>
      (await loadKubeconfig(await write(config({ cluster })), { environment })).proxy?.href;
    const server = 'https://api.test:6443';
    expect(await proxyOf({ server })).toBe('http://of-environment:3128/');
    expect(await proxyOf({ server, 'proxy-url': 'https://of-cluster' })).toBe('https://of-cluster/');
    // Nothing but the environment has exceptions.
    expect(await proxyOf({ server: 'https://127.0.0.1:6443' })).toBeUndefined();
    expect(await proxyOf({ server: 'https://127.0.0.1:6443', 'proxy-url': 'http://p:1' })).toBe('http://p:1/');
  });

  it('goes without verification when it is told to', async () => {
    const loaded = await loadKubeconfig(await write(config({ cluster: { 'insecure-skip-tls-verify': true } })));
    expect(loaded.isTlsUnverified).toBe(true);
  });

  const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'plugin' };
  it.each<readonly [string, string, RegExp]>([
    ['no YAML', 'a: [', /config is not YAML: .*line 1/s],
    ['no mapping', '- a', /is empty or not a mapping/],
    ['nothing', '', /is empty or not a mapping/],
    ['no current context', 'contexts: []', /has no current-context; set one/],
    ['an unknown context', 'current-context: x', /has no context "x" in its contexts/],
    ['an unknown cluster', config({ context: { cluster: 'x' } }), /has no cluster "x" in its clusters/],
    ['an unknown user', config({ context: { user: 'x' } }), /has no user "x" in its users/],
    ['no server', config({ cluster: { server: '' } }), /clusters\[0\]\.cluster has no server/],
    [
      'a server that is no URL',
      config({ cluster: { server: '127.0.0.1:6443' } }),
      /is not the URL of an API server; write https:/,
    ],
    ['a field of the wrong type', config({ cluster: { server: 7 } }), /has a server that is not a string/],
    ['a flag of the wrong type', config({ cluster: { 'insecure-skip-tls-verify': 'yes' } }), /neither true nor false/],
    [
      'a proxy that does not speak HTTP',
      config({ cluster: { 'proxy-url': 'socks5://p:1080' } }),
      /clusters\[0\]\.cluster\.proxy-url names a proxy of the kind socks5, which is not supported; name one that/,
    ],
    [
      'an auth-provider',
      config({ user: { 'auth-provider': { name: 'gcp' } } }),
      /users\[0\]\.user sets auth-provider.*use the exec plugin/,
    ],
    ['impersonation', config({ user: { as: 'root' } }), /sets as: impersonation is not supported/],
    ['impersonated groups', config({ user: { 'as-groups': ['system:masters'] } }), /sets as-groups/],
    [
      'a certificate without its key',
      config({ user: { 'client-certificate-data': 'eA==' } }),
      /only one of client-certificate and client-key/,
    ],
    [
      'an authority that is not to be heeded',
      config({ cluster: { 'insecure-skip-tls-verify': true, 'certificate-authority-data': 'eA==' } }),
      /keep one of them/,
    ],
    [
      'an exec plugin of an old API',
      config({ user: { exec: { ...exec, apiVersion: 'client.authentication.k8s.io/v1alpha1' } } }),
      /update the plugin/,
    ],
    [
      'an exec plugin that wants to talk',
      config({ user: { exec: { ...exec, interactiveMode: 'Always' } } }),
      /there is no terminal here/,
    ],
    [
      'an exec plugin without a command',
      config({ user: { exec: { ...exec, command: '' } } }),
      /user\.exec has no command/,
    ],
  ])('refuses %s, and says why', async (_name, text, message) => {
    await expect(loadKubeconfig(await write(text))).rejects.toMatchObject({
      code: 'kube-config',
      retryable: false,
      message: expect.stringMatching(message) as string,
    });
  });

  it('refuses a file that is not there', async () => {
    await expect(loadKubeconfig(join(dir, 'none'))).rejects.toMatchObject({ code: 'kube-config', retryable: false });
  });

  it('says which file of credentials is missing', async () => {
    const { credentials } = await loadKubeconfig(await write(config({ user: { tokenFile: 'none' } })));
    await expect(credentials.current()).rejects.toMatchObject({
      code: 'kube-credentials',
      message: expect.stringContaining(join(dir, 'none')) as string,
    });
  });
});

describe('several files, as KUBECONFIG names them', () => {
  async function writeAll(files: Readonly<Record<string, string>>): Promise<string> {
    const paths: string[] = [];
    for (const [name, text] of Object.entries(files)) {
      const path = join(dir, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
      paths.push(path);
    }
    return paths.join(delimiter);
  }

  const clusterOf = (name: string, server: string): Fields => ({ name, cluster: { server } });
  const contextOf = (name: string, cluster: string, user?: string): Fields => ({ name, context: { cluster, user } });

  it('take each entry, and the current context, from the first that has it', async () => {
    const paths = await writeAll({
      one: stringify({ contexts: [contextOf('a', 'shared')], clusters: [clusterOf('shared', 'https://one.test')] }),
      two: stringify({
        'current-context': 'b',
        contexts: [contextOf('a', 'nothing'), contextOf('b', 'shared')],
        clusters: [{ name: 'shared', cluster: { server: 'https://two.test', 'tls-server-name': 'two' } }],
      }),
      three: stringify({ 'current-context': 'a' }),
    });
    const loaded = await loadKubeconfig(paths);
    expect(loaded.origin).toBe(`${paths}, context b`);
    expect(loaded.server.hostname).toBe('one.test');
    // Whole: nothing of an entry of the same name is taken over.
    expect(loaded.tlsServerName).toBeUndefined();
    expect((await loadKubeconfig(paths, { contextName: 'a' })).server.hostname).toBe('one.test');
  });

  it('find the files that they name beside themselves', async () => {
    const paths = await writeAll({
      'one/config': stringify({ 'current-context': 'a', contexts: [contextOf('a', 'c', 'u')] }),
      'two/config': stringify({
        clusters: [clusterOf('c', 'https://c.test')],
        users: [{ name: 'u', user: { tokenFile: 'token' } }],
      }),
    });
    await writeFile(join(dir, 'two', 'token'), 'of two');
    const { credentials } = await loadKubeconfig(paths);
    await expect(credentials.current()).resolves.toMatchObject({ authorization: 'Bearer of two' });
  });

  it('may be missing, or empty, as long as one is there', async () => {
    const paths = await writeAll({ empty: '', config: config() });
    const missing = join(dir, 'missing');
    const loaded = await loadKubeconfig([missing, '', paths, missing].join(delimiter));
    expect(loaded.server.port).toBe('6443');
    await expect(loadKubeconfig([missing, join(dir, 'neither')].join(delimiter))).rejects.toThrow(
      /^none of the kubeconfig files .*missing.*neither is there$/,
    );
  });

  it('are all named where something is in none of them', async () => {
    const paths = await writeAll({ one: config(), two: config() });
    await expect(loadKubeconfig(paths, { contextName: 'x' })).rejects.toThrow(
      `kubeconfig ${paths} has no context "x" in its contexts`,
    );
  });
});
