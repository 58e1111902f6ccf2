import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { confinementOf } from '../../src/app/confinement.ts';
import { findHaproxy } from '../../src/app/haproxy.ts';
import { changesOf, compileChanges } from '../golden/compile-manifest.ts';
import { EngineWorld } from './engine-world.ts';
import { Backend } from './lab.ts';
import { ingress, service } from './manifest.ts';

const folder = await mkdtemp(join(tmpdir(), 'sluice-confinement-'));
const haproxy = await findHaproxy(undefined, process.env);
const confinement = await confinementOf(haproxy, folder);
const one = await Backend.start('one');
afterAll(async () => {
  await one.stop();
  await rm(folder, { recursive: true });
});

// Debian 12 has no setpriv that can do this, and a kernel may have no Landlock.
describe.skipIf('impossible' in confinement)('a HAProxy that runs as the user of Sluice', () => {
  /** What a program in HAProxy's place makes of a file. */
  const read = (path: string): string => {
    if ('impossible' in confinement) return '';
    const [program = 'setpriv', ...args] = confinement;
    const { stdout, stderr } = spawnSync(program, [...args, 'cat', path], { encoding: 'utf8' });
    return stdout === '' ? stderr : stdout;
  };

  it('reads its own files, and neither credentials nor other processes', async () => {
    const token = await mkdtemp(join(tmpdir(), 'sluice-secrets-'));
    await writeFile(join(token, 'token'), 'secret');
    await writeFile(join(folder, 'routes.map'), 'own');
    expect(read(join(folder, 'routes.map'))).toBe('own');
    expect(read(join(token, 'token'))).toContain('Permission denied');
    expect(read(`/proc/${String(process.pid)}/environ`)).toContain('Permission denied');
    await rm(token, { recursive: true });
  });

  it('starts, takes changes and hands over as ever', async () => {
    const world = await EngineWorld.create(undefined, true);
    const { signal } = new AbortController();
    const wanted = (...names: readonly string[]) =>
      compileChanges(
        changesOf(
          names.map((name) => service(name, [one.port]) + ingress(name, `${name}.test`, { '/': name })).join(''),
        ),
      ).l7;
    try {
      await world.plane.apply(wanted('a'), signal);
      // Set by Landlock alone: nobody else confines a process of this test.
      expect(readFileSync(`/proc/${String(await world.pid())}/status`, 'utf8')).toMatch(/^NoNewPrivs:\t1$/m);
      await world.plane.apply(wanted('a', 'b'), signal);
      expect(await world.get('b.test', '/')).toBe('200 one');
      // What is there already cannot be added, so that another process takes over.
      await world.cli('add backend default_c_80 from sluice-backend');
      await expect(world.plane.apply(wanted('a', 'b', 'c'), signal)).rejects.toMatchObject({ code: 'haproxy-refused' });
      await world.plane.apply(wanted('a', 'b', 'c'), signal);
      expect(world.starts).toEqual(['started', 'out-of-step']);
      expect(await world.get('c.test', '/')).toBe('200 one');
    } finally {
      await world.plane.release();
      await world.close();
    }
  });
});
