import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { describe, expect, test, vi } from 'vitest';
import { signalProcess } from '../../../lib/signal-process.ts';
import { runProgram } from './run-program.ts';

const shell = (script: string, ...args: readonly string[]): Promise<unknown> =>
  runProgram('/bin/sh', ['-c', script, 'sh', ...args]);

describe.for([
  ['with nothing to read', undefined],
  ['with something to read', 'read me'],
] as const)('a program %s', ([, stdin]) => {
  const input = stdin === undefined ? {} : { stdin };

  test('its outputs and its status', async () => {
    const end = await runProgram('/bin/sh', ['-c', 'echo one; printf two; printf three >&2; exit 7'], input);
    expect(end).toEqual({ status: 7, stdout: 'one\ntwo', stderr: 'three' });
  });

  test('its lines as they come', async () => {
    const lines: string[] = [];
    const onLine = (line: string): void => void lines.push(line);
    const { stdout } = await runProgram('/bin/sh', ['-c', 'echo one; echo; echo two'], { ...input, onLine });
    expect(lines).toEqual(['one', 'two']);
    expect(stdout).toBe('');
  });

  test('ended by a signal: it has no status', async () => {
    expect(await runProgram('/bin/sh', ['-c', 'kill -TERM $$'], input)).toMatchObject({ status: undefined });
  });

  test('one that is not there', async () => {
    const run = runProgram('/nowhere/program', [], input);
    await expect(run).rejects.toMatchObject({ code: 'program-failed' });
    await expect(run).rejects.toThrow(/^cannot run \/nowhere\/program: /);
  });

  test('one that takes too long is ended, and what comes next runs', async () => {
    const run = runProgram('/bin/sh', ['-c', 'sleep 60; echo late'], { ...input, limitMs: 100 });
    await expect(run).rejects.toThrow('it was killed, or took more than 0.1 s');
    expect(await runProgram('/bin/echo', ['next'], {})).toMatchObject({ stdout: 'next' });
  });
});

test('arguments arrive as they are', async () => {
  const args = ['', "it's", '$HOME `id` \\ "x"', '*', '; exit 3', 'sluice-launcher-end 5'];
  expect(await shell('for a; do echo "<$a>"; done', ...args)).toMatchObject({
    status: 0,
    stdout: args.map((arg) => `<${arg}>`).join('\n'),
  });
});

test('it reads what it is given, or nothing', async () => {
  expect(await runProgram('/bin/cat', [], { stdin: 'read me' })).toMatchObject({ stdout: 'read me' });
  expect(await runProgram('/bin/cat', [])).toMatchObject({ stdout: '' });
});

test('several at the same time', async () => {
  const ends = await Promise.all(['1', '2', '3'].map((word) => shell('sleep 0.1; echo "$1"', word)));
  expect(ends).toMatchObject([{ stdout: '1' }, { stdout: '2' }, { stdout: '3' }]);
});

const parentOf = async (): Promise<string> => (await runProgram('/bin/sh', ['-c', 'echo $PPID'])).stdout;

test('a shell that was killed is replaced', async () => {
  const parent = await parentOf();
  signalProcess(Number(parent), 'SIGTERM');
  await vi.waitFor(() => expect(existsSync(`/proc/${parent}`)).toBe(false));
  expect(await parentOf()).not.toBe(parent);
});

test('one after another they run in the same shell, not in this process', async () => {
  const parent = await parentOf();
  expect(parent).not.toBe(String(process.pid));
  expect(await parentOf()).toBe(parent);
  expect(await readFile(`/proc/${parent}/comm`, 'utf8')).toMatch(/^(sh|dash|bash)\n$/);
});

test('large outputs arrive whole', async () => {
  const { stdout, stderr } = await runProgram('/bin/sh', ['-c', 'seq 200000; seq 100000 >&2']);
  expect(stdout.split('\n')).toHaveLength(200_000);
  expect(stderr.split('\n')).toHaveLength(100_000);
});
