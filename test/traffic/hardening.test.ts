import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Backend, Lab } from './lab.ts';
import { ingress, service } from './manifest.ts';

const isRoot = process.getuid?.() === 0;

/** A field of /proc/PID/status, such as `Uid`, as its words. */
function statusField(pid: number, name: string): readonly string[] {
  const text = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
  const value = new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(text)?.[1] ?? 'absent';
  return value.split(/\s+/).filter((word) => word !== '');
}

describe('a hardened HAProxy', () => {
  let backend: Backend;
  let lab: Lab;

  beforeAll(async () => {
    backend = await Backend.start('web');
    lab = await Lab.create({
      'web.yaml': service('web', [backend.port]) + ingress('web', 'web.test', { '/': 'web' }),
    });
  });

  afterAll(async () => {
    await lab.stop();
    await backend.stop();
  });

  it.runIf(isRoot)('runs as a user of its own, without rights, in a root of its own', async () => {
    const pid = await lab.enginePid();
    const uid = '61530';
    expect(statusField(pid, 'Uid')).toEqual([uid, uid, uid, uid]);
    expect(statusField(pid, 'Gid')).toEqual([uid, uid, uid, uid]);
    expect(statusField(pid, 'Groups')).toEqual([]);
    expect(statusField(pid, 'CapEff')).toEqual(['0000000000000000']);
    expect(statusField(pid, 'CapPrm')).toEqual(['0000000000000000']);
    expect(readlinkSync(`/proc/${String(pid)}/root`)).not.toBe('/');
  });

  it('gives nobody else access to the admin socket, the state and the keys', async () => {
    await lab.until('the state to be kept', () => Promise.resolve(existsSync(join(lab.root, 'state', 'current'))));
    const modeOf = (path: string): string => (statSync(join(lab.root, 'state', path)).mode & 0o777).toString(8);
    expect(modeOf('admin.sock')).toBe('600');
    expect(modeOf('current')).toBe('700');
    expect(modeOf('self-signed.pem')).toBe('600');
    expect(modeOf('current/certs')).toBe('700');
    expect(modeOf('current/certs/self-signed.pem')).toBe('600');
  });
});
