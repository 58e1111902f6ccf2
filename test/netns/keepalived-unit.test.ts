/** `sluice-keepalived`: keepalived in a unit or container of its own, which Sluice asks for what it wants. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { silentLogger } from '../../src/lib/logger.ts';
import { signalProcess } from '../../src/lib/signal-process.ts';
import { boundAddresses } from '../../src/planes/announce/bound-addresses.ts';
import { hasKeepalivedUnit } from '../../src/planes/announce/keepalived-process.ts';
import { AnnouncePlane } from '../../src/planes/announce/plane.ts';
import { planOf, router } from './announce/vip-lab.ts';

const run = promisify(execFile);
const UNIT = fileURLToPath(new URL('../../bin/sluice-keepalived', import.meta.url));
const NAME = `sluice-unit-${String(process.pid)}`;
const inside = [`--net=/run/netns/${NAME}`];
const enter = ['nsenter', ...inside];
const VIP = '192.0.2.80';
const NEVER = new AbortController().signal;
const SOON = { timeout: 10_000, interval: 50 };

let folder: string;
let unit: ChildProcess;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-keepalived-unit-'));
  await run('ip', ['netns', 'add', NAME]);
  const setUp =
    'ip link add eth0 type veth peer name peer; ip link set peer up; ip link set eth0 up; ip addr add 192.0.2.1/24 dev eth0';
  await run('nsenter', [...inside, 'sh', '-c', setUp]);
});

afterAll(async () => {
  await end();
  await run('ip', ['netns', 'delete', NAME]);
  await rm(folder, { recursive: true });
});

async function start(): Promise<void> {
  unit = spawn('nsenter', [...inside, UNIT, folder], { stdio: 'ignore' });
  await vi.waitFor(async () => expect(await hasKeepalivedUnit(folder)).toBe(true), SOON);
}

async function end(): Promise<void> {
  if (unit.exitCode !== null) return;
  unit.kill('SIGTERM');
  await once(unit, 'exit');
}

function plane(): AnnouncePlane {
  return new AnnouncePlane({
    paths: { keepalived: 'keepalived', folder, isUnit: true, enter },
    settings: { nodeName: 'node', advertisementMs: 50 },
    logger: silentLogger,
    listenMs: 0,
    probe: { waitMs: 0, rememberedS: 30 },
    keepsAnnouncing: true,
  });
}

async function isBound(address: string): Promise<boolean> {
  return (await boundAddresses(enter)).some((entry) => entry.address === address);
}

async function untilBound(address: string, is = true): Promise<void> {
  await vi.waitFor(async () => expect(await isBound(address)).toBe(is), SOON);
}

async function pid(file: string): Promise<number> {
  const number = Number(await readFile(join(folder, file), 'utf8').catch(() => ''));
  return Number.isInteger(number) ? number : 0;
}

const WANT = planOf([router('r1', 101, [VIP])]);

test('without it, what is missing is said, and is there as soon as it runs', async () => {
  await expect(plane().apply(WANT, NEVER)).rejects.toMatchObject({
    code: 'keepalived-start',
    message: `nobody runs keepalived on ${folder}: start the unit or the DaemonSet sluice-keepalived`,
  });
  await start();
  await untilBound(VIP);
});

test('a change is read by the process that runs', async () => {
  const before = await pid('keepalived.pid');
  await plane().apply(planOf([router('r1', 101, [VIP, '192.0.2.81'])]), NEVER);
  await untilBound('192.0.2.81');
  expect(await pid('keepalived.pid')).toBe(before);
});

test.each(['SIGKILL', 'SIGSTOP'] as const)(
  'after %s of keepalived another one runs, without Sluice',
  async (signal) => {
    const before = await pid('keepalived.pid');
    // Both are read first: the files go as soon as the first process has ended.
    const pids = [before, await pid('vrrp.pid')];
    for (const number of pids) signalProcess(number, signal);
    await vi.waitFor(async () => expect([0, before]).not.toContain(await pid('keepalived.pid')), SOON);
    await untilBound(VIP);
  },
);

test('it gives its addresses up when it is ended, and goes on from the last configuration when it is started', async () => {
  await end();
  expect(await isBound(VIP)).toBe(false);
  await start();
  await untilBound(VIP);
});

test('it ends its keepalived also when the files with its number are lost', async () => {
  for (const file of ['keepalived.pid', 'vrrp.pid']) await rm(join(folder, file));
  await end();
  expect(await isBound(VIP)).toBe(false);
  await start();
  await untilBound(VIP);
});

test('nothing is left of what is withdrawn', async () => {
  expect(await plane().withdraw()).toBe(true);
  expect([await isBound(VIP), await isBound('192.0.2.81')]).toEqual([false, false]);
});

test('a program that has got the number of an earlier keepalived is left alone', async () => {
  await end();
  const other = spawn('sleep', ['60'], { stdio: 'ignore' });
  try {
    for (const file of ['keepalived.pid', 'vrrp.pid']) await writeFile(join(folder, file), `${String(other.pid)}\n`);
    other.kill('SIGSTOP');
    await start();
    // It is looked for halted processes twice a second.
    await new Promise((resolve) => setTimeout(resolve, 1_200));
    expect(other.signalCode).toBeNull();
  } finally {
    other.kill('SIGKILL');
  }
});
