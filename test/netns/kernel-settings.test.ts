import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, expect, test, vi } from 'vitest';
import type { Logger } from '../../src/lib/logger.ts';
import { ConntrackRoom } from '../../src/planes/l4/kernel/conntrack-room.ts';
import { applyKernelSettings, kernelSettings } from '../../src/planes/l4/kernel/settings.ts';
import { nft, run, useOwnNamespace } from './own-namespace.ts';

useOwnNamespace();

const CONNTRACK = { maxPerCore: 0, min: 0, tcpEstablishedS: 86_400, tcpCloseWaitS: 3_600, udpS: 0, udpStreamS: 0 };

let notes: string[];
const logger: Logger = {
  debug: () => undefined,
  info: (message, fields) => void notes.push(`${message} ${JSON.stringify(fields)}`),
  warn: (message, fields) => void notes.push(`${message} ${JSON.stringify(fields)}`),
  error: () => undefined,
  with: () => logger,
};

function sysctl(name: string): number {
  return Number(run('sysctl', ['-n', `net.netfilter.nf_conntrack_${name}`]));
}

function set(name: string, value: number): void {
  run('sysctl', ['-qw', `net.netfilter.nf_conntrack_${name}=${String(value)}`]);
}

beforeEach(() => {
  notes = [];
  set('tcp_timeout_established', 432_000);
  set('tcp_timeout_close_wait', 60);
  set('tcp_be_liberal', 0);
});

test('timeouts are set as kube-proxy sets them, and others left alone', async () => {
  const udp = sysctl('udp_timeout');
  await applyKernelSettings(kernelSettings(CONNTRACK, 2), true, logger);
  expect(['tcp_timeout_established', 'tcp_timeout_close_wait', 'tcp_be_liberal', 'udp_timeout'].map(sysctl)).toEqual([
    86_400,
    3_600,
    1,
    udp,
  ]);
});

test('nothing is changed, nor said of what would have been, where the operator wants it so', async () => {
  await applyKernelSettings(kernelSettings(CONNTRACK, 2), false, logger);
  expect(sysctl('tcp_timeout_close_wait')).toBe(60);
  expect(notes.filter((note) => note.includes('nf_conntrack'))).toEqual([]);
});

test('what may not be changed is reported, with what to do', async () => {
  // Only the first network namespace of a machine may.
  const most = sysctl('max');
  await applyKernelSettings(kernelSettings({ ...CONNTRACK, maxPerCore: most }, 4), true, logger);
  expect(sysctl('max')).toBe(most);
  expect(notes.join('\n')).toContain(`sysctl -w net.netfilter.nf_conntrack_max=${String(most * 4)}`);
});

test('what an administrator has raised is not lowered', async () => {
  await applyKernelSettings(kernelSettings({ ...CONNTRACK, maxPerCore: 1 }, 1), true, logger);
  expect(notes.join('\n')).not.toContain('nf_conntrack_max');
});

test('a table of connections that is nearly full is reported once, and again when it was not so in between', async () => {
  // Conntrack is at work only where a rule asks for it.
  nft('add table ip t; add chain ip t c { type filter hook output priority 0; }; add rule ip t c ct state new accept');
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const fill = (): void => {
    for (let port = 20_000; port < 20_100; port += 1) socket.send('x', port, '127.0.0.1');
  };
  // The limit is the machine's, and not for a test to change: so a hundred are much here.
  const room = new ConntrackRoom({ logger, nearlyFull: 50 / sysctl('max'), intervalMs: 10 });
  const stop = new AbortController();
  const running = room.run(stop.signal);
  try {
    fill();
    await vi.waitFor(() => expect(notes).toHaveLength(1), { timeout: 10_000 });
    fill();
    await sleep(100);
    expect(notes).toHaveLength(1);
    // It is looked at in between, sooner or later.
    for (let turn = 0; turn < 100 && notes.length === 1; turn += 1) {
      run('conntrack', ['-F']);
      await sleep(50);
      fill();
      await sleep(50);
    }
    expect(notes).toHaveLength(2);
  } finally {
    stop.abort();
    await running;
    socket.close();
  }
  expect(notes[0]).toMatch(/nearly as many connections as it may.*"entries":\d+.*--conntrack-min/);
});
