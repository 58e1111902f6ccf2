import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import { signalProcess } from './signal-process.ts';

test('signals a process, and says when it is there no more', async () => {
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  const pid = child.pid ?? 0;
  expect(signalProcess(pid, 0)).toBe(true);
  expect(signalProcess(pid, 'SIGKILL')).toBe(true);
  await once(child, 'exit');
  expect(child.signalCode).toBe('SIGKILL');
  expect(signalProcess(pid, 0)).toBe(false);
});

// A SIGKILL to 0 ends the caller and everything that was started with it.
test.each([0, -1, 1, -4_242, Number.NaN, 1.5])('refuses %s, which is not one process', (pid) => {
  expect(() => signalProcess(pid, 0)).toThrow('is the number of a process that may be signalled');
});
