import { describe, expect, it } from 'vitest';
import { finding } from '../model/finding.ts';
import { Metrics } from './metrics.ts';

describe('Metrics', () => {
  const samples = async (metrics: Metrics): Promise<readonly string[]> =>
    (await metrics.text()).split('\n').filter((line) => line.startsWith('sluice_'));

  it('shows from the start the counters whose goal is 0', async () => {
    const shown = await samples(new Metrics());
    for (const reason of ['adopted', 'crashed', 'hung', 'listeners', 'out-of-step', 'settings'])
      expect(shown).toContain(`sluice_haproxy_reloads_total{reason="${reason}"} 0`);
  });

  it('counts every start of a process but the first as a reload', async () => {
    const metrics = new Metrics();
    for (const reason of ['started', 'crashed', 'crashed', 'out-of-step']) metrics.engineStarted(reason);
    const shown = await samples(metrics);
    expect(shown).toContain('sluice_haproxy_reloads_total{reason="crashed"} 2');
    expect(shown).toContain('sluice_haproxy_reloads_total{reason="out-of-step"} 1');
    expect(shown.join()).not.toContain('reason="started"');
  });

  it('counts applies and changes by plane', async () => {
    const metrics = new Metrics();
    metrics.applied('l7', { changes: 3, waitedMs: 20 });
    metrics.applied('l7', { changes: 0, waitedMs: 20 });
    metrics.failed('status');
    const shown = await samples(metrics);
    expect(shown).toContain('sluice_changes_total{plane="l7"} 3');
    expect(shown).toContain('sluice_applies_total{plane="l7",result="success"} 2');
    expect(shown).toContain('sluice_applies_total{plane="status",result="failure"} 1');
    expect(shown).toContain('sluice_change_latency_seconds_count{plane="l7"} 2');
  });

  it('shows the findings and sources of now, not those of before', async () => {
    const metrics = new Metrics();
    const ref = { kind: 'Ingress', namespace: 'ns', name: 'a' } as const;
    metrics.findings([finding('IngressEmpty', ref, '', 'one'), finding('IngressEmpty', ref, '', 'two')]);
    metrics.source('manifests', true);
    expect((await samples(metrics)).find((line) => line.includes('SLU213'))).toMatch(/ 2$/);
    metrics.findings([]);
    metrics.source('manifests', false);
    const shown = await samples(metrics);
    expect(shown.join()).not.toContain('SLU213');
    expect(shown).toContain('sluice_source_synced{source="manifests"} 0');
  });
});
