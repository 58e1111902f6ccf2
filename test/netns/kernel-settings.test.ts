import { beforeEach, expect, test } from 'vitest';
import type { Logger } from '../../src/lib/logger.ts';
import { applyKernelSettings, kernelSettings } from '../../src/planes/l4/kernel/settings.ts';
import { run, useOwnNamespace } from './own-namespace.ts';

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
