import { chmod, chown, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareStateDirectory, stateFiles } from './state-directory.ts';

const OURS = [
  'admin.sock',
  'admin.sock.17.tmp',
  'admin.sock.17.bak',
  'current',
  'current.tmp',
  'previous',
  'previous.tmp',
  'checkpoint.tmp',
  'checkpoint-0123456789abcdef',
  'self-signed.pem',
  'self-signed.pem.tmp',
  'checker-key',
  'checker-key.tmp',
  'allocations.json',
  'allocations.json.before',
  'allocations.json.tmp',
  'manifests.json',
  'manifests.json.tmp',
  'announce',
  'haproxy.log',
  'haproxy.pid',
  'conntrack-aB3xY9',
];

describe('the state directory', () => {
  let root: string;
  let state: string;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'sluice-state-'));
    state = join(root, 'a', 'state');
  });
  afterEach(() => rm(root, { recursive: true }));

  const refusal = async (): Promise<string> => {
    const thrown: unknown = await prepareStateDirectory(state).catch((fault: unknown) => fault);
    expect(thrown).toMatchObject({ code: 'state-directory', retryable: false });
    return String(thrown);
  };

  it('is made for its owner alone, and taken again as it was', async () => {
    await prepareStateDirectory(state);
    expect(((await stat(state)).mode & 0o777).toString(8)).toBe('700');
    for (const name of OURS) await writeFile(join(state, name), '');
    await mkdir(join(state, 'lost+found'));
    await prepareStateDirectory(state);
  });

  it('is taken where others can read it, as where kubelet has made it', async () => {
    await mkdir(state, { recursive: true });
    await chmod(state, 0o755);
    await prepareStateDirectory(state);
  });

  it.each([0o775, 0o777, 0o702, 0o1777])('is refused where others can write to it: mode %i', async (mode) => {
    await mkdir(state, { recursive: true });
    await chmod(state, mode);
    expect(await refusal()).toContain('can be written to by others');
  });

  it('is refused where it is a link', async () => {
    await mkdir(join(root, 'elsewhere'));
    await mkdir(join(root, 'a'));
    await symlink(join(root, 'elsewhere'), state);
    expect(await refusal()).toContain('is a link');
  });

  it.runIf(process.getuid?.() === 0)('is refused where it is of another user', async () => {
    await mkdir(state, { recursive: true });
    await chown(state, 61_530, 61_530);
    expect(await refusal()).toContain('belongs to user 61530, and Sluice runs as user 0');
  });

  it.each(['notes.txt', 'current.pem', 'checkpoint-1', 'haproxy.cfg'])('is refused with %s in it', async (name) => {
    await mkdir(state, { recursive: true });
    await writeFile(join(state, name), '');
    expect(await refusal()).toContain(`has ${name} in it, which is not of Sluice`);
  });

  it('is refused where a folder bin has programs in it', async () => {
    await mkdir(join(state, 'bin'), { recursive: true });
    await prepareStateDirectory(state);
    await writeFile(join(state, 'bin', 'ls'), '');
    expect(await refusal()).toContain('has bin in it');
  });

  it('is refused where it cannot be', async () => {
    await writeFile(join(root, 'a'), '');
    expect(await refusal()).toContain('cannot be used: ENOTDIR');
  });
});

describe('stateFiles', () => {
  it('tells ours from those of others, what a crash leaves half written included', async () => {
    const state = await mkdtemp(join(tmpdir(), 'sluice-state-'));
    for (const name of [...OURS, 'precious', 'self-signed.pem.old']) await writeFile(join(state, name), '');
    const { ours, others } = await stateFiles(state);
    expect(new Set(ours)).toEqual(new Set(OURS));
    expect(new Set(others)).toEqual(new Set(['precious', 'self-signed.pem.old']));
    expect(await stateFiles(join(state, 'away'))).toEqual({ ours: [], others: [] });
    await rm(state, { recursive: true });
  });
});
