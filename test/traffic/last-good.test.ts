import { execFileSync } from 'node:child_process';
import { cp, mkdir, readdir, readlink, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { signalProcess } from '../../src/lib/signal-process.ts';
import { Backend, Lab } from './lab.ts';
import { ingress, service } from './manifest.ts';
import { isRunning } from './process-state.ts';

const UNUSED = 'a state that was served before is not used';

describe('what was served last, while the sources are away', () => {
  let one: Backend;
  let lab: Lab;
  const state = (...names: readonly string[]): string => join(lab.root, 'state', ...names);
  const status = async (host: string): Promise<number> => (await lab.get(`http://${host}/`)).status;

  const end = (): Promise<void> => {
    // Idle connections would be waited for.
    lab.agent.destroy();
    return lab.signal('SIGTERM');
  };

  /** Starts again without manifests. */
  const startAlone = async (): Promise<void> => {
    lab.output = '';
    await rename(lab.manifests, `${lab.manifests}-away`);
    lab.spawn();
  };

  beforeEach(async () => {
    one = await Backend.start('one');
    lab = await Lab.create({
      'steady.yaml': service('steady', [one.port]) + ingress('steady', 'steady.test', { '/': 'steady' }),
    });
    const first = await readlink(state('current')).catch(() => '');
    await lab.write('late.yaml', ingress('late', 'late.test', { '/': 'steady' }));
    await lab.until('the route', async () => (await status('late.test')) === 200);
    await lab.until('it to be kept', async () => (await readlink(state('current'))) !== first);
    await end();
  });
  afterEach(async () => {
    await lab.stop();
    await one.stop();
  });

  it('is served from a copy of the state directory, and under other flags', async () => {
    await rename(state(), state('..', 'original'));
    // A socket cannot be copied, and is of no use to anybody.
    await rm(state('..', 'original', 'admin.sock'));
    await cp(state('..', 'original'), state(), { recursive: true, verbatimSymlinks: true });
    await rm(state('..', 'original'), { recursive: true });
    await startAlone();
    await lab.until('the last good state', async () => (await status('late.test')) === 200);
    expect(lab.output).not.toContain(UNUSED);
  });

  it.each(['routes.map', 'backends.cfg', 'manifest.json', 'certs/self-signed.pem'])(
    'costs nothing but itself where %s is empty: what was served before that is served',
    async (file) => {
      await lab.start();
      await lab.write('last.yaml', ingress('last', 'last.test', { '/': 'steady' }));
      await lab.until('the route', async () => (await status('last.test')) === 200);
      await end();
      await truncate(state('current', file));
      await startAlone();
      await lab.until('the state before that', async () => (await status('late.test')) === 200);
      expect(lab.output).toContain(UNUSED);
      expect(await status('last.test')).toBe(404);
    },
  );

  it('is not served where all of it is damaged: nothing is, and the program waits for its sources', async () => {
    for (const name of await readdir(state()))
      if (name.startsWith('checkpoint-')) await truncate(state(name, 'routes.map'));
    await startAlone();
    await lab.until('it to say so', () => Promise.resolve(lab.output.includes(UNUSED)));
    await expect(status('steady.test')).rejects.toThrow('ECONNREFUSED');
    expect((await lab.api('/livez')).status).toBe(200);
    await rename(`${lab.manifests}-away`, lab.manifests);
    await lab.until('ready', async () => (await lab.api('/readyz')).status === 200);
    expect(await status('late.test')).toBe(200);
  });

  it('ends nothing where HAProxy does not start on it', async () => {
    const taken = createServer().listen(lab.httpPort, '127.0.0.1');
    await startAlone();
    await lab.until('it to say so', () =>
      Promise.resolve(lab.output.includes('what was served last cannot be served')),
    );
    taken.close();
    await lab.until('the last good state', async () => (await status('late.test')) === 200);
  });
});

describe.skipIf(process.getuid?.() !== 0)('a full disk', () => {
  let one: Backend;
  let lab: Lab;
  let disk: string;
  const fill = (): Promise<void> =>
    expect(writeFile(join(disk, 'filling'), Buffer.alloc(8 << 20))).rejects.toThrow('ENOSPC');

  beforeEach(async () => {
    one = await Backend.start('one');
    lab = await Lab.forFolder();
    disk = join(lab.root, 'disk');
    await mkdir(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m,mode=700', 'sluice-test', disk]);
    lab.stateDirectory = join(disk, 'state');
    await lab.write('a.yaml', service('a', [one.port]) + ingress('a', 'a.test', { '/': 'a' }));
    await lab.start();
    await lab.until('it to be kept', async () => (await readlink(join(disk, 'state', 'current'))) !== '');
  });
  afterEach(async () => {
    lab.agent.destroy();
    await lab.signal('SIGTERM');
    execFileSync('umount', [disk]);
    await lab.stop();
    await one.stop();
  });

  it('takes nothing from changes, readiness and the drain: requests end, HAProxy too', async () => {
    await fill();
    await lab.write('b.yaml', ingress('b', 'b.test', { '/': 'a' }));
    await lab.until('a change', async () => (await lab.get('http://b.test/')).status === 200);
    await lab.until('the reason', () => Promise.resolve(lab.output.includes('what is served cannot be kept on disk')));
    expect((await lab.api('/readyz')).status).toBe(200);
    const engine = await lab.enginePid();
    const slow = lab.get('http://a.test/?delay=1500');
    await lab.until('the request', async () => (await one.running()) > 0);
    await lab.signal('SIGTERM');
    expect((await slow).status).toBe(200);
    await lab.until('HAProxy to be gone', () => Promise.resolve(!isRunning(engine)));
  });

  it('has what was served last serve when HAProxy crashes, until the disk takes something again', async () => {
    await fill();
    signalProcess(await lab.enginePid(), 'SIGKILL');
    await lab.until('it to serve again', async () => (await lab.get('http://a.test/')).status === 200);
    await lab.write('b.yaml', ingress('b', 'b.test', { '/': 'a' }));
    await lab.until('the reason', () => Promise.resolve(lab.output.includes('cannot write to the state directory')));
    expect((await lab.get('http://a.test/')).status).toBe(200);
    await rm(join(disk, 'filling'));
    await lab.until('the change', async () => (await lab.get('http://b.test/')).status === 200);
    await lab.until('ready', async () => (await lab.api('/readyz')).status === 200);
  });
});
