/** What the documentation says to type about a cluster, typed, with a real API server. */
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commandsOf, runAsPerson } from '../documented-commands.ts';
import { clusterAssets } from './assets.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';

const PAGES = ['docs/tutorial/from-ingress-nginx.md', 'docs/tutorial/from-ingress-nginx.zh-CN.md'] as const;

let cluster: ControlPlane;
const folder = mkdtempSync(join(tmpdir(), 'sluice-tutorial-'));

beforeAll(async () => {
  const { kubectl } = await clusterAssets();
  symlinkSync(kubectl, join(folder, 'kubectl'));
  cluster = await startControlPlane();
});

afterAll(async () => {
  await cluster.stop();
  rmSync(folder, { recursive: true });
});

test('the tutorial about ingress-nginx works from its first command to its last', async () => {
  const surroundings = `export KUBECONFIG=${cluster.kubeconfig()} PATH=${folder}:$PATH\ntrap 'tail -n 20 *.log' ERR\n`;
  const { code, output } = await runAsPerson(surroundings + commandsOf(PAGES[0]));
  expect(code, output).toBe(0);
  // Before the annotation is gone, and after.
  expect(output).toMatch(/UNSUPPORTED Ingress shop\/api[^]*ModSecurity/);
  expect(output).toContain('2 lines: 2 answered alike, 0 otherwise');
  expect(output).toContain('     0  unsupported');
  // Both hosts by the expression of one of them, and none of their status.
  expect(output).toContain('asked for /items');
  expect(output).toMatch(/shop\.example\.com  Prefix|shop\.example\.com  Exact/);
  expect(output).toMatch(/^2$/m);
});

test('has the same commands in both languages', () => {
  expect(commandsOf(PAGES[1])).toBe(commandsOf(PAGES[0]));
});
