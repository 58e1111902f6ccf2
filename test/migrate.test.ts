import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { runFlagDefaults, type RunFlags } from '../src/app/flags/register.ts';
import type { MigrationReport } from '../src/app/migrate/report.ts';
import { isClean, VERDICT_ORDER } from '../src/app/migrate/report.ts';
import { migrateFolder, writePatches } from '../src/app/migrate/sources.ts';
import { htmlReport } from '../src/cli/migrate/html.ts';
import { markdownReport } from '../src/cli/migrate/markdown.ts';
import { textReport } from '../src/cli/migrate/text.ts';

const HERE = join(import.meta.dirname, 'migrate');

function flagsFor(compat: 'strict-nginx' | undefined, configMap: string | undefined): RunFlags {
  const flags = runFlagDefaults();
  return {
    ...flags,
    compile: { ...flags.compile, compat, configMap },
    ingressNginx: { isOn: true, isClassByName: false },
  };
}

function reportOf(compat: 'strict-nginx' | undefined): Promise<MigrationReport> {
  return migrateFolder(
    join(HERE, 'manifests'),
    (environment) => flagsFor(compat, environment['SLUICE_CONFIGMAP']),
    join(HERE, 'access.log'),
  );
}

describe('sluice migrate --from ingress-nginx', () => {
  it('says of each object what moving means for it, the worst first', async () => {
    const { objects, summary } = await reportOf(undefined);
    expect(objects.map(({ object, verdict }) => `${object}: ${verdict}`)).toEqual([
      'shop/injected: dangerous',
      'shop/snippet: dangerous',
      'ingress-nginx/ingress-nginx-controller: unsupported',
      'shop/rewrite: unsupported',
      'shop/beside: same under strict-nginx',
      'shop/slash: same under strict-nginx',
      'shop/plain: same',
    ]);
    expect(Object.values(summary)).toEqual([2, 2, 0, 2, 1]);
  });

  it('finds nothing that would change for paths with --compat strict-nginx', async () => {
    const { objects, accessLog } = await reportOf('strict-nginx');
    expect(objects.filter(({ object }) => /beside|slash|plain/.test(object)).map(({ verdict }) => verdict)).toEqual([
      'same',
      'same',
      'same',
    ]);
    expect(accessLog).toEqual({ lines: 8, unreadable: 1, same: 6, unexplained: 1, changed: [] });
  });

  it('replays the access log: who would be answered otherwise, and how', async () => {
    const { accessLog } = await reportOf(undefined);
    expect(accessLog).toMatchObject({ lines: 8, unreadable: 1, same: 3, unexplained: 1 });
    expect(accessLog?.changed.map(({ request, old, now, isCertain }) => [request, old, now, isCertain])).toEqual([
      ['GET https://rw.test or another/foobar', 'shop/web:80', '404', false],
      ['GET https://slash.test/docs', '301 to https://slash.test/docs/', 'shop/web:80', true],
      ['POST https://rw.test/API/items', 'shop/api:8080 as /items', '404', true],
    ]);
  });

  it('expands what kubelet does in the arguments of the Deployment', async () => {
    const { workloads } = await reportOf(undefined);
    expect(workloads.map(({ object }) => object)).toEqual(['Deployment ingress-nginx/ingress-nginx-controller']);
    expect(workloads[0]?.arguments[0]).toMatchObject({
      verdict: 'mapped',
      text: '--publish-service=ingress-nginx/ingress-nginx-controller',
    });
  });

  it('is written for a terminal, a wiki and a browser, and is no markup of whoever wrote an object', async () => {
    const report = await reportOf(undefined);
    await expect(textReport(report)).toMatchFileSnapshot(join(HERE, 'report.txt'));
    await expect(markdownReport(report)).toMatchFileSnapshot(join(HERE, 'report.markdown'));
    await expect(htmlReport(report)).toMatchFileSnapshot(join(HERE, 'report.html'));
    expect(htmlReport(report)).not.toContain('<b>');
  });

  it('writes patches without what has no effect, and none that would hide a restriction', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'sluice-patches-'));
    await writePatches(folder, await reportOf(undefined));
    expect(readdirSync(folder)).toEqual(['ingress.shop.rewrite.json']);
    expect(JSON.parse(readFileSync(join(folder, 'ingress.shop.rewrite.json'), 'utf8'))).toEqual({
      metadata: { annotations: { 'nginx.ingress.kubernetes.io/mirror-target': null } },
    });
    rmSync(folder, { recursive: true });
  });

  it('is clean where nothing has to be done', async () => {
    const report = await reportOf('strict-nginx');
    const summary = { ...report.summary, dangerous: 0, unsupported: 0 };
    expect(isClean(report)).toBe(false);
    expect(isClean({ ...report, summary, workloads: [] })).toBe(true);
    expect(VERDICT_ORDER.at(0)).toBe('dangerous');
  });
});
