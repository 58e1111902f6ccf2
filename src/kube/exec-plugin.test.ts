import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { ExecCredentials, type ExecPlugin } from './exec-plugin.ts';
import { loadKubeconfig } from './kubeconfig.ts';
import { MaterialCredentials } from './credentials.ts';

let dir: string;
const apiVersion = 'client.authentication.k8s.io/v1';

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'exec-plugin-'));
});
afterEach(() => rm(dir, { recursive: true }));

/** A shell script that counts its runs in the file `runs` and then does `what`. */
async function script(what: string): Promise<string> {
  const path = join(dir, 'plugin');
  await writeFile(
    path,
    `#!/bin/sh\nrun=$(($(cat '${dir}/runs' 2>/dev/null || echo 0) + 1))\necho $run > '${dir}/runs'\n${what}\n`,
  );
  await chmod(path, 0o755);
  return path;
}

function answer(status: string, version = apiVersion): string {
  return `cat <<END\n{"apiVersion":"${version}","kind":"ExecCredential","status":${status}}\nEND`;
}

async function plugin(what: string, more: Partial<ExecPlugin> = {}): Promise<ExecPlugin> {
  const args = [await script(what)];
  return {
    where: 'here',
    apiVersion,
    command: 'sh',
    args,
    env: {},
    installHint: undefined,
    cluster: undefined,
    ...more,
  };
}

const nothingElse = new MaterialCredentials({});

describe('ExecCredentials', () => {
  it('runs the plugin once for all who wait, and keeps what it issued', async () => {
    const credentials = new ExecCredentials(await plugin(answer('{"token":"token-$run"}')), nothingElse);
    const all = await Promise.all([credentials.current(), credentials.current(), credentials.current()]);
    expect(all.map(({ authorization }) => authorization)).toEqual(Array(3).fill('Bearer token-1'));
    await expect(credentials.current()).resolves.toMatchObject({ authorization: 'Bearer token-1' });
  });

  it('runs it again once the token has expired', async () => {
    let nowMs = Date.parse('2026-01-01T00:00:00Z');
    const issued = answer('{"token":"token-$run","expirationTimestamp":"2026-01-01T01:00:00Z"}');
    const credentials = new ExecCredentials(await plugin(issued), nothingElse, () => nowMs);
    await expect(credentials.current()).resolves.toMatchObject({ authorization: 'Bearer token-1' });
    nowMs = Date.parse('2026-01-01T00:59:59Z');
    await expect(credentials.current()).resolves.toMatchObject({ authorization: 'Bearer token-1' });
    nowMs = Date.parse('2026-01-01T01:00:00Z');
    await expect(credentials.current()).resolves.toMatchObject({ authorization: 'Bearer token-2' });
  });

  it('runs it again, once, after the server refused the token to many', async () => {
    const credentials = new ExecCredentials(await plugin(answer('{"token":"token-$run"}')), nothingElse);
    const refused = await credentials.current();
    credentials.reject(refused);
    await expect(credentials.current()).resolves.toMatchObject({ authorization: 'Bearer token-2' });
    credentials.reject(refused);
    await expect(credentials.current()).resolves.toMatchObject({ authorization: 'Bearer token-2' });
  });

  it('takes a client certificate, beside what the kubeconfig says', async () => {
    const base = new MaterialCredentials({ authority: { text: 'the CA' } });
    const issued = answer('{"clientCertificateData":"the certificate","clientKeyData":"the key"}');
    const credentials = new ExecCredentials(await plugin(issued), base);
    await expect(credentials.current()).resolves.toEqual({
      authority: 'the CA',
      authorization: undefined,
      certificate: 'the certificate',
      key: 'the key',
    });
  });

  it.each<readonly [string, string, RegExp]>([
    ['fails', 'echo "log in first" >&2; exit 1', /sh failed: log in first/],
    ['does not answer in JSON', 'echo my-secret-token', /did not answer in JSON/],
    ['answers with no object', 'echo 7', /JSON that is not an object/],
    [
      'answers in another version',
      answer('{"token":"x"}', 'client.authentication.k8s.io/v1beta1'),
      /instead of client.authentication.k8s.io\/v1/,
    ],
    ['answers with nothing', answer('{}'), /without a token or a client certificate/],
    [
      'answers with half a certificate',
      answer('{"clientCertificateData":"x"}'),
      /without a token or a client certificate/,
    ],
    ['answers with a bad time', answer('{"token":"x","expirationTimestamp":"soon"}'), /is not a time/],
  ])('says what is wrong with a plugin that %s', async (_name, what, message) => {
    const credentials = new ExecCredentials(await plugin(what), nothingElse);
    const fault = await credentials.current().catch((error: unknown) => error);
    expect(fault).toMatchObject({ code: 'kube-exec-plugin', message: expect.stringMatching(message) as string });
    // A credential that was not understood must not end in a log.
    expect(String(fault)).not.toContain('my-secret-token');
  });

  it('tells how to install a plugin that is missing', async () => {
    const missing = await plugin('', { command: join(dir, 'missing'), installHint: 'apt install the-plugin' });
    const credentials = new ExecCredentials(missing, nothingElse);
    await expect(credentials.current()).rejects.toThrow(/missing is not installed\. apt install the-plugin/);
  });
});

describe('loadKubeconfig with an exec plugin', () => {
  it.each(['v1', 'v1beta1'])('hands arguments, environment and cluster to the plugin (%s)', async (version) => {
    const fullVersion = `client.authentication.k8s.io/${version}`;
    await script(
      `echo "$1 $GREETING" > '${dir}/got'; echo "$KUBERNETES_EXEC_INFO" > '${dir}/info'\n${answer('{"token":"t"}', fullVersion)}`,
    );
    const exec = {
      apiVersion: fullVersion,
      command: './plugin',
      args: ['get-token'],
      env: [{ name: 'GREETING', value: 'hello' }],
      provideClusterInfo: true,
      interactiveMode: 'IfAvailable',
    };
    const cluster = {
      server: 'https://127.0.0.1:6443',
      'certificate-authority-data': Buffer.from('the CA').toString('base64'),
      extensions: [{ name: 'client.authentication.k8s.io/exec', extension: { audience: 'x' } }],
    };
    const path = join(dir, 'config');
    const config = {
      'current-context': 'one',
      contexts: [{ name: 'one', context: { cluster: 'c', user: 'u' } }],
      clusters: [{ name: 'c', cluster }],
      users: [{ name: 'u', user: { exec } }],
    };
    await writeFile(path, stringify(config));
    const { credentials } = await loadKubeconfig(path);
    await expect(credentials.current()).resolves.toMatchObject({ authorization: 'Bearer t', authority: 'the CA' });
    await expect(readFile(join(dir, 'got'), 'utf8')).resolves.toBe('get-token hello\n');
    const info: unknown = JSON.parse(await readFile(join(dir, 'info'), 'utf8'));
    expect(info).toEqual({
      apiVersion: fullVersion,
      kind: 'ExecCredential',
      spec: {
        interactive: false,
        cluster: {
          server: 'https://127.0.0.1:6443',
          'insecure-skip-tls-verify': false,
          'certificate-authority-data': Buffer.from('the CA').toString('base64'),
          config: { audience: 'x' },
        },
      },
    });
  });
});
