import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { WrittenObject } from './inputs.ts';
import { LOAD_BALANCER_ANNOTATIONS, LOAD_BALANCER_FLAGS, loadBalancerReports, PREFIX } from './service-loadbalancer.ts';

function service(annotations: Readonly<Record<string, string>>): WrittenObject {
  return { kind: 'Service', namespace: 'shop', name: 'web', annotations, raw: {} };
}

function workload(image: string, args: readonly string[]): WrittenObject {
  const raw = { spec: { template: { spec: { containers: [{ image, args }] } } } };
  return { kind: 'Deployment', namespace: 'edge', name: 'lb', annotations: {}, raw };
}

describe('what the service-loadbalancer was told', () => {
  it('is reported for a Service with its annotations, with what says the same', () => {
    const [report] = loadBalancerReports([
      service({ [`${PREFIX}host`]: 'shop.test', [`${PREFIX}x`]: '1', other: 'y' }),
    ]);
    expect(report).toMatchObject({ kind: 'Service', object: 'shop/web', verdict: 'unsupported' });
    expect(report?.reasons.map(({ field, remedy }) => [field, remedy])).toEqual([
      [`metadata.annotations["${PREFIX}host"]`, expect.stringContaining('Ingress')],
      [`metadata.annotations["${PREFIX}x"]`, 'It has no counterpart.'],
    ]);
  });

  it('is reported for the workload that runs it, flag by flag', () => {
    const [report] = loadBalancerReports([
      workload('contrib/servicelb/service-loadbalancer:0.4', ['--tcp-services=mysql:3306', 'x']),
    ]);
    expect(report?.reasons.map(({ field }) => field)).toEqual(['--tcp-services']);
  });

  it('is nothing for others', () => {
    expect(loadBalancerReports([service({ a: 'b' }), workload('nginx', ['--tcp-services=x'])])).toEqual([]);
  });

  it('stands in the guide', () => {
    const guide = readFileSync('docs/howto/from-ingress-nginx.md', 'utf8');
    for (const { name } of LOAD_BALANCER_ANNOTATIONS) expect(guide).toContain(`\`${PREFIX}${name}\``);
    for (const { name } of LOAD_BALANCER_FLAGS) expect(guide).toContain(`\`--${name}\``);
  });
});
