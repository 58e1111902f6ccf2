import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeHaproxyCli } from '../../../test/fakes/haproxy-cli.ts';
import { checkConfig, endSilentEngine, findEngine, type EnginePaths } from './process.ts';

describe('findEngine', () => {
  let paths: EnginePaths;
  beforeEach(async () => {
    const stateDirectory = await mkdtemp(join(tmpdir(), 'sluice-process-'));
    paths = { haproxy: 'unused', stateDirectory, adminSocket: join(stateDirectory, 'admin.sock') };
  });
  afterEach(() => rm(paths.stateDirectory, { recursive: true }));

  it('tells none from one that answers', async () => {
    expect(await findEngine(paths)).toEqual({ kind: 'none' });
    const haproxy = await FakeHaproxyCli.listen(paths.adminSocket, 123);
    expect(await findEngine(paths)).toEqual({ kind: 'answers', pid: 123 });
    await haproxy.close();
    expect(await findEngine(paths)).toEqual({ kind: 'none' });
  });

  it('tells one that does not answer, and which process it is unless that number is of another program by now', async () => {
    const haproxy = await FakeHaproxyCli.listen(paths.adminSocket, 123);
    haproxy.standStill();
    expect(await findEngine(paths, 100)).toEqual({ kind: 'silent', pid: undefined });
    const record = join(paths.stateDirectory, 'haproxy.pid');
    await writeFile(record, `${String(process.pid)}\n`);
    expect(await findEngine(paths, 100)).toEqual({ kind: 'silent', pid: undefined });
    const config = join(paths.stateDirectory, 'checkpoint-0', 'haproxy.cfg');
    const child = spawn('sh', ['-c', 'read wait', config], { stdio: ['pipe', 'ignore', 'ignore'] });
    await once(child, 'spawn');
    await writeFile(record, `${String(child.pid)}\n`);
    expect(await findEngine(paths, 100)).toEqual({ kind: 'silent', pid: child.pid });
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(await findEngine(paths, 100)).toEqual({ kind: 'silent', pid: undefined });
    await haproxy.close();
  });

  it('says that the machine does not let go of a process whose ports stay taken when it is killed', async () => {
    const haproxy = await FakeHaproxyCli.listen(paths.adminSocket, 123);
    haproxy.standStill();
    const child = spawn('sleep', ['60']);
    const patience = { answerMs: 100, endAfterMs: 0, letGoMs: 100 };
    await expect(endSilentEngine(paths, child.pid ?? 0, patience)).rejects.toMatchObject({
      code: 'haproxy-silent',
      message: expect.stringContaining('neither answers nor ends') as string,
    });
    await haproxy.close();
  });
});

describe('checkConfig', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-check-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** A HAProxy that is this script. */
  async function haproxy(script: string): Promise<string> {
    const path = join(folder, 'haproxy');
    await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return path;
  }

  it('says what HAProxy has against a configuration, however much it prints besides', async () => {
    expect(await checkConfig(await haproxy('exit 0'), folder, '')).toBeUndefined();
    const loud = `head -c 3000000 /dev/zero | tr '\\0' '\\n' >&2; echo '[ALERT]    (1) : bad' >&2; exit 1`;
    expect(await checkConfig(await haproxy(loud), folder, '')).toBe('bad');
    const list = `printf '[ALERT]    (1) : config : bind : \n  error in a list.\n[NOTICE] (1) : x\n[ALERT] (1) : config : Fatal errors found in configuration.\n' >&2; exit 1`;
    expect(await checkConfig(await haproxy(list), folder, '')).toBe('config : bind : error in a list');
    const warns = "head -c 3000000 /dev/zero | tr '\\0' '\\n' >&2; exit 0";
    expect(await checkConfig(await haproxy(warns), folder, '')).toBeUndefined();
  });

  it.each([
    ['does not end', 'exec sleep 60', 'did not end within 0.2 seconds'],
    ['is killed, as for want of memory', 'kill -KILL $$', 'was ended by SIGKILL'],
  ])('blames no object when HAProxy %s', async (_, script, message) => {
    const deadlineMs = script.startsWith('exec') ? 200 : undefined;
    await expect(checkConfig(await haproxy(script), folder, '', deadlineMs)).rejects.toMatchObject({
      code: 'haproxy-check',
      message: expect.stringContaining(message) as string,
    });
  });

  it('blames no object when HAProxy cannot be run', async () => {
    const missing = join(folder, 'missing');
    await expect(checkConfig(missing, folder, '')).rejects.toMatchObject({ code: 'haproxy-check' });
  });
});
