import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from './certificate.ts';
import { Backend, freePort, Lab, SLUICE } from './lab.ts';
import { ingress, service, tlsSecret } from './manifest.ts';

interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `sluice` as a person does. */
function sluice(args: readonly string[], folder?: string): Promise<Outcome> {
  return run(SLUICE, args, folder);
}

function run(program: string, args: readonly string[], folder?: string): Promise<Outcome> {
  return new Promise((resolve) => {
    const options = { cwd: folder, maxBuffer: 64 * 1024 * 1024 };
    const child = execFile(program, args, options, (_, stdout, stderr) =>
      resolve({ status: child.exitCode, stdout, stderr }),
    );
  });
}

function inNamespace(namespace: string, manifest: string): string {
  return manifest.replaceAll('metadata: { name:', `metadata: { namespace: ${namespace}, name:`);
}

describe('the command line', () => {
  let backend: Backend;
  let lab: Lab;

  beforeAll(async () => {
    backend = await Backend.start('web');
    const hosts = ['a.test', 'b.test', 'c.test', 'd.test', 'e.test'];
    lab = await Lab.create({
      'shop.yaml': inNamespace(
        'shop',
        service('web', [backend.port]) +
          tlsSecret('tls', makeCertificate('shop', hosts)) +
          hosts.map((host, index) => ingress(`shop-${String(index)}`, host, { '/': 'web' }, 'tls')).join(''),
      ),
      'blog.yaml': inNamespace('blog', service('web', []) + ingress('blog', 'blog.test', { '/': 'web', '/x': 'gone' })),
    });
  });

  afterAll(async () => {
    await lab.stop();
    await backend.stop();
  });

  function get(...args: readonly string[]): Promise<Outcome> {
    return sluice(['get', ...args, '--api-address', `127.0.0.1:${String(lab.apiPort)}`]);
  }

  it('shows all namespaces, or the one that is asked for', async () => {
    const all = await get('routes');
    expect([all.status, all.stdout.split('\n')[0]]).toEqual([
      0,
      'HOST       PATH  MATCH       TARGET               READY  TLS  INGRESS',
    ]);
    expect((await get('routes', '-A', '-n', 'blog')).stdout).toBe(all.stdout);
    const { stdout } = await get('routes', '-n', 'blog');
    expect(stdout.split('\n').slice(1)).toEqual([
      'blog.test  /     PathPrefix  blog/web:80          0      no   blog/blog',
      'blog.test  /x    PathPrefix  503 service-missing  0      no   blog/blog',
      '',
    ]);
  });

  it('shows what has a name, and says when there is none', async () => {
    expect((await get('route', 'a.test')).stdout.split('\n')).toHaveLength(3);
    expect((await get('svc', 'web')).stdout.match(/web/g)).toHaveLength(2);
    expect((await get('services', 'shop/web')).stdout.match(/web/g)).toHaveLength(1);
    expect(await get('services', 'nobody', '-n', 'shop')).toEqual({
      status: 1,
      stdout: '',
      stderr: 'sluice: there are no services named "nobody" in namespace shop\n',
    });
    expect(await get('routes', '-n', 'empty')).toEqual({
      status: 0,
      stdout: '',
      stderr: 'There are no routes in namespace empty.\n',
    });
  });

  it('shortens long lists, but not with -o wide', async () => {
    expect((await get('certs')).stdout).toContain('a.test,b.test,c.test + 2 more...');
    expect((await get('certs', '-o', 'wide')).stdout).toContain('a.test,b.test,c.test,d.test,e.test');
  });

  it.each(['json', 'yaml'])('gives the same as %s', async (format) => {
    const { stdout } = await get('findings', '-n', 'blog', '-o', format);
    expect(stdout).toMatch(/code"?: "?SLU207/);
    expect(stdout).not.toContain('shop');
  });

  it('shows objects only to who has the token, and answers health to everybody', async () => {
    const healthPort = await freePort();
    const tokenFile = join(lab.root, 'token');
    await writeFile(tokenFile, 'a-token-of-many-characters\n');
    const secured = await Lab.create({}, [
      `--health-address=127.0.0.1:${String(healthPort)}`,
      `--api-token-file=${tokenFile}`,
    ]);
    const address = `--api-address=127.0.0.1:${String(secured.apiPort)}`;
    const refused = await sluice(['get', 'routes', address]);
    expect([refused.status, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toContain('the token of this Sluice is needed: give --api-token-file');
    expect(
      (await sluice(['get', 'findings', '-o', 'json', address, `--api-token-file=${tokenFile}`])).stdout,
    ).toContain('"items"');
    const statusOf = async (path: string): Promise<number> =>
      (await fetch(`http://127.0.0.1:${String(healthPort)}${path}`)).status;
    expect(await Promise.all(['/livez', '/readyz', '/metrics', '/api/v1/routes'].map(statusOf))).toEqual([
      200, 200, 200, 404,
    ]);
    await secured.stop();
  });

  it('says where it looked when no Sluice is there', async () => {
    const address = `127.0.0.1:${String(await freePort())}`;
    expect(await sluice(['get', 'routes', '--api-address', address])).toMatchObject({
      status: 1,
      stderr: `sluice: no Sluice answers on ${address}: connect ECONNREFUSED ${address}. Start one with "sluice run", or say where it is with --api-address.\n`,
    });
  });

  it.each([
    [['rnu'], 'Did you mean run?'],
    [['run', '--http-prot', '80'], 'Did you mean --http-port?'],
    [['get'], 'routes|gateways|services|addresses|pools|peers|certificates|findings'],
    [['get', 'pods'], 'There are: routes, gateways, services, addresses, pools, peers, certificates, findings.'],
    [['check'], 'give either a folder of manifests or --kubeconfig FILE'],
    [['check', 'nowhere'], 'cannot read nowhere'],
    [['run', '--http-port', '99999'], 'Give a port from 1 to 65535.'],
    [['run'], 'say what to serve: a folder with --manifests DIR, or an API server with --kubeconfig FILE'],
    [['run', '--manifests', '.', '--api-address', '127.0.0.1:99999'], 'Give it as HOST:PORT'],
    [['run', '--manifests', '.', '--api-address', '9901'], 'Give it as HOST:PORT'],
    [['run', '--manifests', '.', '--api-address', ':9901'], 'give --health-address :9901 instead'],
    [['run', '--manifests', '.', '--healthz-address', '[::]:0'], 'Give it as HOST:PORT'],
    [['get', 'routes', '--api-address', 'http://localhost:9901/'], 'Give it as HOST:PORT'],
    [['run', '--manifests', '.', '--role', 'gateway', '--takeover'], 'only the role node looks at --takeover'],
    [['run', '--kubeconfig', 'x', '--service-node-port-range', '1-9'], 'give it to kube-apiserver and leave it out'],
    [['check', '--kubeconfig', 'x', '--service-cluster-ip-range', '10.0.0.0/8'], 'give it to kube-apiserver'],
    [['run', '--manifests', '.', '--pod-bridge-interface', 'cni0'], 'write --detect-local-mode BridgeInterface'],
  ])('answers a mistake (%s) with what helps', async (args, help) => {
    const { status, stdout, stderr } = await sluice(args);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toContain(help);
  });

  it('begins its help with examples', async () => {
    for (const args of [['--help'], ['run', '--help'], ['check', '--help'], ['get', '--help']]) {
      const { status, stdout } = await sluice(args);
      expect([status, stdout.slice(0, 19)]).toEqual([0, 'Examples:\n  sluice ']);
    }
  });

  it('prints all of it to one who reads slowly, and is quiet to one who has seen enough', async () => {
    const many = Array.from({ length: 1000 }, (_, n) => ingress(`many-${String(n)}`, 'many.test', { '/': 'nobody' }));
    await mkdir(join(lab.root, 'many'));
    await writeFile(join(lab.root, 'many', 'many.yaml'), many.join(''));
    const piped = (into: string): Promise<Outcome> =>
      run('sh', ['-c', `{ "$0" check many -o json; echo $? >&2; } | ${into}`, SLUICE], lab.root);
    const slow = await piped('{ sleep 1; cat; }');
    expect(slow.stderr).toBe('3\n');
    expect(JSON.parse(slow.stdout)).toMatchObject({ findings: { length: 1999 } });
    expect(await piped('true')).toEqual({ status: 0, stdout: '', stderr: '3\n' });
  });

  it('says so when it cannot print', async () => {
    const { stderr } = await run('sh', ['-c', '"$0" version >/dev/full; echo $? >&2', SLUICE]);
    expect(stderr).toMatch(/^sluice: cannot print: .*no space left.*\n1\n$/);
  });

  it('says what it waits for, and why, while it checks an API server that refuses', async () => {
    const server = `https://127.0.0.1:${String(await freePort())}`;
    const kubeconfig = join(lab.root, 'refused.kubeconfig');
    await writeFile(
      kubeconfig,
      `{ apiVersion: v1, kind: Config, current-context: a, contexts: [{ name: a, context: { cluster: a, user: a } }],
         clusters: [{ name: a, cluster: { server: "${server}" } }], users: [{ name: a, user: { token: x } }] }`,
    );
    const child = execFile(SLUICE, ['check', '--kubeconfig', kubeconfig]);
    let told = '';
    child.stderr?.on('data', (chunk: string) => (told += chunk));
    await lab.until('a word', () => Promise.resolve(told.includes('\n')));
    const isRunning = child.exitCode === null;
    child.kill();
    expect([told, isRunning]).toEqual([
      expect.stringContaining(
        `Waiting a minute at most: cluster: the API server ${server} cannot be reached: the connection was refused`,
      ),
      true,
    ]);
  });

  it('checks a folder: 3 with Findings and the lines to mend, 0 without', async () => {
    const wrong = await sluice(['check', 'manifests'], lab.root);
    expect(wrong.status).toBe(3);
    expect(wrong.stdout).toMatch(/^manifests\/blog\.yaml:\d+: error SLU207 Ingress blog\/blog spec\.rules\[0\]/m);
    await lab.remove('blog.yaml');
    expect(await sluice(['check', 'manifests'], lab.root)).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(/nothing wrong\n$/),
    });
  });
});
