/** What the lab itself promises: no way out, and nothing left behind, however it ends. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Agent } from './agent.ts';
import { Network } from './network.ts';

const NAMESPACES = '/run/netns';
const DEADLINE_MS = 20_000;

async function namespacesOf(prefix: string): Promise<readonly string[]> {
  const names = await readdir(NAMESPACES).catch(() => []);
  return names.filter((name) => name.startsWith(prefix));
}

/** The processes of this checkout's agents that run in one of these network namespaces, given as `net:[INODE]`. */
async function processesIn(namespaces: ReadonlySet<string>): Promise<readonly string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const namespace = await readlink(`/proc/${pid}/ns/net`).catch(() => '');
      return namespaces.has(namespace) ? [pid] : [];
    }),
  );
  return found.flat();
}

/** What the kernel calls the namespaces of a network. */
async function identitiesOf(prefix: string): Promise<ReadonlySet<string>> {
  const files = (await namespacesOf(prefix)).map((name) => join(NAMESPACES, name));
  const children = files.map(async (file) => {
    const child = spawn('nsenter', [`--net=${file}`, 'readlink', '/proc/self/ns/net']);
    let identity = '';
    child.stdout.on('data', (chunk: Buffer) => (identity += chunk.toString()));
    await once(child, 'close');
    return identity.trim();
  });
  return new Set(await Promise.all(children));
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  while (!(await condition()) && performance.now() < deadlineMs) await sleep(20);
}

test('leaves nothing behind when it is taken down', async () => {
  const network = await Network.create();
  const agent = new Agent(network.file('a1'));
  const identities = await identitiesOf(network.prefix);
  expect(identities.size).toBeGreaterThan(10);
  await until(async () => (await processesIn(identities)).length > 0);
  expect(await processesIn(identities)).toHaveLength(1);
  await agent.stop();
  await network.remove();
  expect(await namespacesOf(network.prefix)).toEqual([]);
  expect(await processesIn(identities)).toEqual([]);
});

test('leaves nothing behind when the process of the test is killed', async () => {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'abandoned-lab.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [chunk] = (await once(child.stdout, 'data')) as [Buffer];
  const prefix = chunk.toString().trim();
  const identities = await identitiesOf(prefix);
  expect(await processesIn(identities)).toHaveLength(1);
  child.kill('SIGKILL');
  await until(async () => (await namespacesOf(prefix)).length === 0 && (await processesIn(identities)).length === 0);
  expect(await namespacesOf(prefix)).toEqual([]);
  expect(await processesIn(identities)).toEqual([]);
});

test('has no way out', async () => {
  const network = await Network.create();
  try {
    for (const place of ['lan', 'node-a', 'a1', 'ext'] as const) {
      const links = await network.command(place, ['ip', '-br', 'link']);
      expect(links).not.toMatch(/^(?!lo|br0|eth0|pod-|node-|ext|lbc)\S/m);
    }
    // The last gateway drops whatever it has no route for.
    expect(await network.command('lan', ['ip', '-4', 'route', 'show', 'default'])).toMatch(/^blackhole default/);
    expect(await network.command('lan', ['ip', '-6', 'route', 'show', 'default'])).toMatch(/^blackhole default/);
  } finally {
    await network.remove();
  }
});

test('changes nothing in the namespace that the tests run in', async () => {
  const before = await readFile('/proc/self/net/dev', 'utf8');
  const network = await Network.create();
  const namesOf = (text: string): readonly string[] => [...text.matchAll(/^\s*(\S+):/gm)].map(([, name]) => name ?? '');
  expect(namesOf(await readFile('/proc/self/net/dev', 'utf8'))).toEqual(namesOf(before));
  await network.remove();
});
