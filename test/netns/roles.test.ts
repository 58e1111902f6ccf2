import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, mkdir, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { signalProcess } from '../../src/lib/signal-process.ts';
import { NodeLock } from '../../src/app/node-possible.ts';
import { nft, run, useOwnNamespace } from './own-namespace.ts';

useOwnNamespace();

const SLUICE = fileURLToPath(new URL('../../bin/sluice', import.meta.url));
const API = '127.0.0.1:9901';
const DEADLINE_MS = 20_000;

const WEB = `apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { clusterIP: 10.96.0.10, ports: [{ name: http, port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: web-1, namespace: shop, labels: { kubernetes.io/service-name: web } }
addressType: IPv4
ports: [{ name: http, port: 8080 }]
endpoints: [{ addresses: [10.244.1.7] }]
`;

interface Sluice {
  readonly child: ChildProcess;
  readonly output: () => string;
}

let root: string;
let running: Sluice[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'sluice-roles-'));
  await mkdir(join(root, 'manifests'));
  await writeFile(join(root, 'manifests', 'web.yaml'), WEB);
});

afterEach(async () => {
  for (const { child } of running) await stop(child);
  running = [];
  await rm(root, { recursive: true });
});

function sluice(command: string, args: readonly string[], before: readonly string[] = []): Sluice {
  const [program = SLUICE, ...rest] = [...before, SLUICE, command, ...args];
  // As in a pod, where nothing can be written to but the state directory.
  const env = { ...process.env, TMPDIR: '/proc' };
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const started = { child, output: () => output };
  running.push(started);
  return started;
}

function runSluice(args: readonly string[], before: readonly string[] = []): Sluice {
  const flags = ['--manifests', join(root, 'manifests'), '--state-dir', join(root, 'state'), '--api-address', API];
  const node = args.includes('gateway') ? [] : ['--node-name', 'node-a'];
  return sluice('run', [...flags, ...node, '--log-format', 'json', ...args], before);
}

/** What starts a program without a capability. */
function without(capability: string): readonly string[] {
  return ['setpriv', '--bounding-set', `-${capability}`, '--inh-caps', `-${capability}`];
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'close');
}

async function ended({ child }: Sluice): Promise<number | null> {
  if (child.exitCode === null) await once(child, 'close');
  return child.exitCode;
}

async function until(what: string, started: Sluice, check: () => boolean | Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (!(await check())) {
    if (performance.now() > deadlineMs) throw new Error(`no ${what} in time; Sluice said:\n${started.output()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function ready(started: Sluice): Promise<void> {
  await until('readiness', started, async () => {
    const response = await fetch(`http://${API}/readyz`).catch(() => undefined);
    return response?.ok === true;
  });
}

function rules(): string {
  return run('nft', ['list', 'ruleset']);
}

describe('role node', () => {
  test('programs Services, starts no HAProxy, and leaves its rules behind until it is uninstalled', async () => {
    const started = runSluice(['--role', 'node']);
    await ready(started);
    expect(rules()).toContain('10.96.0.10 . tcp . 80');
    expect(started.output()).not.toContain('HAProxy');
    await stop(started.child);
    expect(rules()).toContain('10.96.0.10 . tcp . 80');
    const uninstalled = sluice('uninstall', ['--state-dir', join(root, 'state')]);
    expect(await ended(uninstalled)).toBe(0);
    expect(uninstalled.output()).toContain('ip sluice');
    expect(rules()).toBe('');
    expect(await readdir(root)).toEqual(['manifests']);
  });

  test('is uninstalled from a container as well, where the state directory is a mount point', async () => {
    const started = runSluice(['--role', 'node']);
    await ready(started);
    await stop(started.child);
    const state = join(root, 'state');
    const mounted = ['unshare', '--mount', 'sh', '-c', `mount --bind ${state} ${state} && exec "$@"`, 'sh'];
    const uninstalled = sluice('uninstall', ['--state-dir', state], mounted);
    expect(await ended(uninstalled), uninstalled.output()).toBe(0);
    expect(await readdir(state)).toEqual([]);
  });

  test('keeps its hands off programs when it is uninstalled from the wrong folder', async () => {
    await mkdir(join(root, 'usr', 'bin'), { recursive: true });
    await writeFile(join(root, 'usr', 'bin', 'true'), '');
    expect(await ended(sluice('uninstall', ['--state-dir', join(root, 'usr')]))).toBe(0);
    expect(await readdir(join(root, 'usr', 'bin'))).toEqual(['true']);
  });

  test('explains a packet from what the kernel was given', async () => {
    const started = runSluice(['--role', 'node']);
    await ready(started);
    const explained = sluice('explain', ['10.244.1.5', '10.96.0.10:80', '--api-address', API]);
    expect(await ended(explained)).toBe(0);
    expect(explained.output()).toContain('goes to its one endpoint\n  10.244.1.7:8080');
  });

  test('tells of a Node that is not there, where pods are told by it', async () => {
    const started = runSluice(['--role', 'node', '--detect-local-mode', 'NodeCIDR', '--node-name', 'zz']);
    await ready(started);
    expect(started.output()).toMatch(/--node-name.*there is no Node zz: /);
    const explained = sluice('explain', ['10.244.1.5', '10.96.0.10:80', '--api-address', API]);
    expect(await ended(explained)).toBe(0);
    expect(explained.output()).toContain('there is no Node zz, see --node-name');
  });

  test('tells once of a bridge that is not there, and nothing of one that is', async () => {
    const flags = ['--role', 'node', '--detect-local-mode', 'BridgeInterface', '--pod-bridge-interface', 'cni7'];
    const early = runSluice(flags);
    await ready(early);
    const told = early.output().match(/.*there is no interface cni7 yet.*/g);
    expect(told).toEqual([expect.stringMatching(/"level":40,.*--pod-bridge-interface/)]);
    await stop(early.child);
    // Without an address, and down, as many a plugin leaves it until the first pod.
    run('ip', ['link', 'add', 'cni7', 'type', 'bridge']);
    try {
      const late = runSluice(flags);
      await ready(late);
      expect(late.output()).not.toContain('cni7');
    } finally {
      run('ip', ['link', 'delete', 'cni7']);
    }
  });

  test('shows every Service port with what the kernel has', async () => {
    const started = runSluice(['--role', 'node']);
    await ready(started);
    const shown = sluice('get', ['services', '-o', 'wide', '--api-address', API]);
    expect(await ended(shown)).toBe(0);
    expect(shown.output()).toMatch(/shop\/web +80\/TCP +10\.96\.0\.10 .*programmed .*10\.244\.1\.7:8080/);
  });

  test('makes its tables anew when another program flushes them', async () => {
    const started = runSluice(['--role', 'node']);
    await ready(started);
    nft('flush ruleset');
    await until('repair', started, () => rules().includes('10.96.0.10 . tcp . 80'));
    const metrics = await (await fetch(`http://${API}/metrics`)).text();
    expect(metrics).toMatch(/sluice_kernel_repairs_total [1-9]/);
  });

  test('does without setpriv, which it says once, and notices what other programs delete', async () => {
    const bin = join(root, 'bin');
    await mkdir(bin);
    await symlink(process.execPath, join(bin, 'node'));
    for (const name of ['sh', 'dirname', 'readlink', 'mkdir']) await symlink(join('/bin', name), join(bin, name));
    const started = runSluice(['--role', 'node'], ['env', `PATH=${bin}`]);
    await ready(started);
    nft('flush ruleset');
    await until('our tables', started, () => rules().includes('10.96.0.10 . tcp . 80'));
    expect(started.output().match(/setpriv is missing/g)).toHaveLength(1);
    expect(started.output()).toContain('package util-linux');
    expect(started.output()).not.toContain('nft monitor ended');
  });

  test('goes on when its nft is killed', async () => {
    const started = runSluice(['--role', 'node']);
    await ready(started);
    const change = async (address: string): Promise<void> => {
      await writeFile(join(root, 'manifests', 'web.yaml'), WEB.replace('10.244.1.7', address));
      await until(`endpoint ${address}`, started, () => rules().includes(`${address} . 8080`));
    };
    await change('10.244.1.8');
    // By the namespace too: other Sluices may run on the machine.
    const here = run('readlink', ['/proc/self/ns/net']).trim();
    const sessions = run('pgrep', ['-x', 'sluice-nft']).trim().split('\n');
    const ours = sessions.filter((pid) => run('readlink', [`/proc/${pid}/ns/net`]).trim() === here);
    expect(ours).not.toEqual([]);
    for (const pid of ours) signalProcess(Number(pid), 'SIGKILL');
    await change('10.244.1.9');
    await change('10.244.1.10');
    expect(rules()).not.toContain('10.244.1.7 .');
  });

  test('leaves other tables alone, also when it is uninstalled', async () => {
    nft('table ip other { chain c { type filter hook input priority 0; tcp dport 22 accept; }; }');
    const started = runSluice(['--role', 'node']);
    await ready(started);
    await stop(started.child);
    await ended(sluice('uninstall', ['--state-dir', join(root, 'state')]));
    expect(rules()).toContain('tcp dport 22 accept');
    expect(rules()).not.toContain('sluice');
  });

  test('does not start where another Sluice does the same', async () => {
    const first = runSluice(['--role', 'node']);
    await ready(first);
    const second = runSluice(['--role', 'node', '--api-address', '127.0.0.1:9911', '--healthz-address', 'none']);
    expect(await ended(second)).toBe(1);
    expect(second.output()).toContain('another Sluice programs this machine already');
    const uninstalled = sluice('uninstall', ['--state-dir', join(root, 'state')]);
    expect(await ended(uninstalled)).toBe(1);
    expect(uninstalled.output()).toContain('nothing is removed: a Sluice programs this machine; stop it first');
    expect(rules()).toContain('10.96.0.10 . tcp . 80');
  });

  test('does not start where it may not take the lock, which nobody else without privileges may', async () => {
    const started = runSluice(['--role', 'node'], without('net_bind_service'));
    expect(await ended(started)).toBe(1);
    expect(started.output()).toContain('CAP_NET_BIND_SERVICE');
    const holding = `require('node:dgram').createSocket('udp4').bind(${JSON.stringify(NodeLock.place)})`;
    const unprivileged = [...without('net_bind_service'), process.execPath, '-e', holding];
    const { status, stderr } = spawnSync('env', unprivileged, { encoding: 'utf8' });
    expect([status, stderr]).toEqual([1, expect.stringContaining('EACCES')]);
  });

  test('starts again once the other one was killed', async () => {
    const first = runSluice(['--role', 'node']);
    await ready(first);
    first.child.kill('SIGKILL');
    await once(first.child, 'close');
    await ready(runSluice(['--role', 'node']));
  });

  test('does not start beside kube-proxy, and says what to do', async () => {
    nft('table ip kube-proxy { chain services { } ; }');
    const started = runSluice(['--role', 'node']);
    expect(await ended(started)).toBe(1);
    expect(started.output()).toContain('--takeover');
    expect(rules()).not.toContain('sluice');
  });

  test('takes over from kube-proxy when told to', async () => {
    nft('table ip kube-proxy { chain services { } ; }');
    const started = runSluice(['--role', 'node', '--takeover']);
    await ready(started);
    expect(rules()).toContain('10.96.0.10 . tcp . 80');
    expect(rules()).not.toContain('kube-proxy');
  });

  test('answers beside a kube-proxy that programs the machine again, and says what to do', async () => {
    run('ip', ['address', 'add', '10.244.1.7/32', 'dev', 'lo']);
    // A connect to a Service address needs some route before the rules see it.
    run('ip', ['route', 'add', '10.96.0.0/16', 'dev', 'lo']);
    // A new connection for every question: rules have no say over one that is there.
    const backend = createServer((_, response) => response.setHeader('connection', 'close').end('current'));
    backend.listen(8080, '10.244.1.7');
    const stale = createServer((_, response) => response.setHeader('connection', 'close').end('stale'));
    stale.listen(8081, '10.244.1.7');
    await Promise.all([backend, stale].map((server) => once(server, 'listening')));
    try {
      const started = runSluice(['--role', 'node', '--takeover']);
      await ready(started);
      const ask = async (): Promise<string> => (await fetch('http://10.96.0.10/')).text();
      expect(await ask()).toBe('current');
      // What a kube-proxy leaves that has ended since: it does not know of changes.
      nft(`table ip kube-proxy {
        map service-ips { type ipv4_addr . inet_proto . inet_service : verdict
          elements = { 10.96.0.10 . tcp . 80 : goto service-ABCDEFGH-shop/web/tcp/http } }
        chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }
        chain nat-output { type nat hook output priority -100; jump services; }
        chain services { ip daddr . meta l4proto . th dport vmap @service-ips; }
        chain service-ABCDEFGH-shop/web/tcp/http { meta l4proto tcp dnat to 10.244.1.7:8081; }
      }`);
      expect(await ask()).toBe('current');
      await until('word about kube-proxy', started, () => started.output().includes('delete daemonset kube-proxy'));
      expect(rules()).not.toContain('kube-proxy');
      expect(await ask()).toBe('current');
    } finally {
      for (const server of [backend, stale]) server.close();
      run('ip', ['route', 'delete', '10.96.0.0/16']);
      run('ip', ['address', 'delete', '10.244.1.7/32', 'dev', 'lo']);
    }
  });

  test.each(['/proc/foo', '/proc/foo/bar'])(
    'does not start with a state directory that cannot be: %s',
    async (folder) => {
      const started = runSluice(['--role', 'node', '--state-dir', folder]);
      expect(await ended(started)).toBe(1);
      expect(started.output()).toMatch(
        /^sluice: the state directory \/proc\/foo\S* cannot be used: ENOENT.* --state-dir\n$/,
      );
    },
  );

  test('does not start without the right to change the kernel', async () => {
    const started = runSluice(['--role', 'node'], without('net_admin'));
    expect(await ended(started)).toBe(1);
    expect(started.output()).toContain('CAP_NET_ADMIN');
  });
});

describe('without --role', () => {
  test('the kernel is left out, in one line, where it may not be changed', async () => {
    const started = runSluice([], without('net_admin'));
    await ready(started);
    const lines = started.output().split('\n');
    expect(lines.filter((line) => line.includes('left out'))).toHaveLength(1);
    expect(rules()).toBe('');
  });

  test.each(['cilium_host', 'bpfin.cali', 'kube-dummy-if', 'antrea-gw0', 'ovn-k8s-mp0'])(
    'the kernel is left to whoever made the interface %s, unless the role is named',
    async (name) => {
      run('ip', ['link', 'add', name, 'type', 'bridge']);
      try {
        const unnamed = runSluice(['--takeover']);
        await ready(unnamed);
        const lines = unnamed.output().split('\n');
        expect(lines.filter((line) => line.includes('left out'))).toEqual([
          expect.stringContaining(`interface ${name}`),
        ]);
        expect(rules()).toBe('');
        await stop(unnamed.child);
        const named = runSluice(['--role', 'node']);
        await ready(named);
        expect(rules()).toContain('10.96.0.10 . tcp . 80');
      } finally {
        run('ip', ['link', 'delete', name]);
      }
    },
  );

  test('a gateway programs no Services', async () => {
    const started = runSluice(['--role', 'gateway']);
    await ready(started);
    expect(rules()).toBe('');
  });

  test('gateways in containers on the network of the host may call different state directories alike', async () => {
    await mkdir(join(root, 'state'));
    await mkdir(join(root, 'other'));
    const first = runSluice(['--role', 'gateway']);
    await ready(first);
    const elsewhere = `mount --bind ${join(root, 'other')} ${join(root, 'state')} && exec "$@"`;
    const ports = ['--http-port', '8081', '--https-port', '8444', '--api-address', '127.0.0.1:9911'];
    const second = runSluice(['--role', 'gateway', ...ports], ['unshare', '--mount', 'sh', '-c', elsewhere, 'sh']);
    await until('both', second, () => second.output().includes('"msg":"ready"') || second.child.exitCode !== null);
    expect(second.child.exitCode, second.output()).toBe(null);
  });
});

describe('node ports', () => {
  test('on localhost go through a listener, when they are asked for', async () => {
    const text = WEB.replace('clusterIP: 10.96.0.10', 'type: NodePort, clusterIP: 10.96.0.10').replace(
      'port: 80 }',
      'port: 80, nodePort: 30080 }',
    );
    const backend = createServer((_, response) => response.end('from the endpoint'));
    backend.listen(8080, '127.0.0.7');
    await once(backend, 'listening');
    await writeFile(join(root, 'manifests', 'web.yaml'), text.replace('10.244.1.7', '127.0.0.7'));
    const started = runSluice(['--role', 'node', '--localhost-nodeports']);
    await ready(started);
    await until('listener', started, async () => {
      const response = await fetch('http://127.0.0.1:30080/').catch(() => undefined);
      return (await response?.text()) === 'from the endpoint';
    });
    const explained = sluice('explain', ['127.0.0.1', '127.0.0.1:30080', '--api-address', API]);
    expect(await ended(explained)).toBe(0);
    expect(explained.output()).toContain('goes to its one endpoint\n  127.0.0.7:8080');
    backend.closeAllConnections();
    backend.close();
  });
});

describe('health', () => {
  test('is told as soon as the kube-proxy that is taken over from lets go of the port', async () => {
    const kubeProxy = createServer((_, response) => response.end('kube-proxy'));
    kubeProxy.listen(10256, '127.0.0.1');
    await once(kubeProxy, 'listening');
    const flags = ['--role', 'node', '--healthz-address', '127.0.0.1:10256'];
    const refused = runSluice(flags);
    expect(await ended(refused)).toBe(1);
    expect(refused.output()).toContain('--healthz-address');
    const started = runSluice([...flags, '--takeover']);
    await ready(started);
    kubeProxy.closeAllConnections();
    kubeProxy.close();
    await until('health', started, async () => {
      const response = await fetch('http://127.0.0.1:10256/healthz').catch(() => undefined);
      return response?.headers.get('content-type') === 'application/json';
    });
  });

  test('is told to balancers in the form of kube-proxy', async () => {
    const started = runSluice(['--role', 'node', '--healthz-address', '127.0.0.1:10256']);
    await ready(started);
    const healthy = await fetch('http://127.0.0.1:10256/healthz');
    expect(healthy.status).toBe(200);
    expect(await healthy.json()).toMatchObject({ nodeEligible: true });
    const node = `apiVersion: v1
kind: Node
metadata: { name: node-a }
spec: { taints: [{ key: ToBeDeletedByClusterAutoscaler, effect: NoSchedule }] }
`;
    await writeFile(join(root, 'manifests', 'node.yaml'), node);
    await until('503', started, async () => (await fetch('http://127.0.0.1:10256/healthz')).status === 503);
    expect((await fetch('http://127.0.0.1:10256/livez')).status).toBe(200);
  });
});
