import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { clusterAssets } from './assets.ts';

const script = join(import.meta.dirname, 'assets.ts');

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-assets-'));
  vi.stubEnv('KUBEBUILDER_ASSETS', folder);
});

afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

async function provide(...names: readonly string[]): Promise<void> {
  for (const name of names) await writeFile(join(folder, name), '');
}

describe('KUBEBUILDER_ASSETS', () => {
  it('is taken as it is, with or without a kube-controller-manager', async () => {
    await provide('kube-apiserver', 'etcd', 'kubectl');
    expect(await clusterAssets()).toEqual({
      folder,
      etcd: join(folder, 'etcd'),
      kubeApiServer: join(folder, 'kube-apiserver'),
      kubectl: join(folder, 'kubectl'),
      kubeControllerManager: undefined,
      kubeProxy: undefined,
    });
    await provide('kube-controller-manager', 'kube-proxy');
    const { kubeControllerManager, kubeProxy } = await clusterAssets({ with: ['kube-proxy'] });
    expect(kubeControllerManager).toBe(join(folder, 'kube-controller-manager'));
    expect(kubeProxy).toBe(join(folder, 'kube-proxy'));
  });

  it.each([
    { present: ['kubectl'], extras: [], missing: 'no kube-apiserver, no etcd.' },
    { present: ['kube-apiserver', 'etcd', 'kubectl'], extras: ['kube-proxy'] as const, missing: 'no kube-proxy.' },
  ])('is refused when it has $missing', async ({ present, extras, missing }) => {
    await provide(...present);
    await expect(clusterAssets({ with: extras })).rejects.toThrow(`${folder}, but that folder has ${missing}`);
  });
});

describe('the command', () => {
  it('prints the folder', async () => {
    await provide('kube-apiserver', 'etcd', 'kubectl');
    expect(await promisify(execFile)(process.execPath, [script])).toEqual({ stdout: `${folder}\n`, stderr: '' });
  });

  it('refuses a program that it does not know', async () => {
    const run = promisify(execFile)(process.execPath, [script, '--with', 'kube-scheduler']);
    await expect(run).rejects.toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining('kube-scheduler') });
  });
});
