import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { signalProcess } from '../lib/signal-process.ts';
import { findPid, hasArgument, startDetached, until, untilFound } from './detached-process.ts';

const NEVER = new AbortController().signal;

it('is found without its file, and not taken for somebody who reads its configuration at a terminal', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-detached-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const [file, configuration] = [join(folder, 'a.pid'), join(folder, 'a.conf')];
  const reading = `touch ${configuration}; echo $$; exec tail -f ${configuration}`;
  const terminal = spawn('script', ['-qec', reading, '/dev/null'], { stdio: ['pipe', 'pipe', 'ignore'] });
  const [said] = (await once(terminal.stdout, 'data')) as [Buffer];
  const reader = Number(said.toString());
  onTestFinished(() => void signalProcess(reader, 'SIGKILL'));
  expect(await until(() => hasArgument(reader, configuration), NEVER)).toBe(true);
  expect(await findPid(file, configuration)).toBeUndefined();

  await startDetached(['tail', '-f', configuration], join(folder, 'log'));
  const pid = await untilFound(
    () => findPid(file, configuration),
    () => false,
    NEVER,
  );
  expect(pid).toBeDefined();
  expect(pid).not.toBe(reader);
  if (pid !== undefined) signalProcess(pid, 'SIGKILL');
});
