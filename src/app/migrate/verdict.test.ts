import { describe, expect, it } from 'vitest';
import { finding, type Finding } from '../../model/finding.ts';
import type { ChangedRequests } from './comparison.ts';
import type { WrittenObject } from './inputs.ts';
import { configMapReport, ingressReport } from './verdict.ts';

const PREFIX = 'nginx.ingress.kubernetes.io/';
const REF = { kind: 'Ingress', namespace: 'shop', name: 'a' } as const;
const CHANGED: ChangedRequests = { host: 'a.test', examples: ['GET http://a.test/A'], old: 'shop/web:80', now: '404' };

function written(annotations: Readonly<Record<string, string>>): WrittenObject {
  const prefixed = Object.entries(annotations).map(([name, value]) => [`${PREFIX}${name}`, value] as const);
  return { kind: 'Ingress', namespace: 'shop', name: 'a', annotations: Object.fromEntries(prefixed), raw: {} };
}

function verdictOf(annotations: Readonly<Record<string, string>>, findings: readonly Finding[] = []): string {
  return ingressReport(written(annotations), { findings, requests: [], strictRequests: [] }).verdict;
}

describe('the verdict about an Ingress', () => {
  it.each([
    [{}, 'same'],
    [{ 'ssl-redirect': 'false' }, 'same'],
    [{ 'proxy-buffering': 'on' }, 'same'],
    [{ 'enable-modsecurity': 'true' }, 'unsupported'],
    [{ 'enable-modsecurity': 'false' }, 'same'],
    [{ 'no-such-annotation': 'x' }, 'unsupported'],
    [{ 'configuration-snippet': 'more_set_headers "X: y";' }, 'dangerous'],
    [{ 'server-snippet': '' }, 'same'],
  ])('by its annotations alone: %j is %s', (annotations, verdict) => {
    expect(verdictOf(annotations)).toBe(verdict);
  });

  it('goes by requests: the same under strict-nginx, or not even then', () => {
    const report = (strictRequests: readonly ChangedRequests[]): string =>
      ingressReport(written({}), { findings: [], requests: [CHANGED], strictRequests }).verdict;
    expect(report([])).toBe('same under strict-nginx');
    expect(report([CHANGED])).toBe('differs');
  });

  it('is dangerous where a value that is refused would become configuration', () => {
    const field = `metadata.annotations["${PREFIX}upstream-vhost"]`;
    const invalid = [finding('AnnotationInvalid', REF, field, 'it is no host')];
    expect(verdictOf({ 'upstream-vhost': 'a b' }, invalid)).toBe('differs');
    expect(verdictOf({ 'upstream-vhost': 'x; } location / {' }, invalid)).toBe('dangerous');
  });

  it('stays the same where an object is wrong for both', () => {
    expect(verdictOf({}, [finding('ServiceNotFound', REF, 'spec', 'Service shop/web does not exist')])).toBe('same');
  });

  it('has a patch without what has no effect, and keeps what restricts access', () => {
    const { patch } = ingressReport(written({ 'proxy-buffering': 'on', 'server-snippet': 'deny all;' }), {
      findings: [],
      requests: [],
      strictRequests: [],
    });
    expect(patch).toEqual({ metadata: { annotations: { [`${PREFIX}proxy-buffering`]: null } } });
  });
});

describe('the verdict about a ConfigMap', () => {
  const object: WrittenObject = { kind: 'ConfigMap', namespace: 'n', name: 'c', annotations: {}, raw: {} };
  const ref = { kind: 'ConfigMap', namespace: 'n', name: 'c' } as const;

  it.each([
    ['ConfigKeyUnsupported', 'data["enable-modsecurity"]', 'unsupported'],
    ['ConfigRestrictionUnsupported', 'data["http-snippet"]', 'dangerous'],
    ['ConfigValueInvalid', 'data["proxy-read-timeout"]', 'differs'],
    ['ConfigKeyUnknown', 'data["x"]', 'same'],
  ] as const)('%s at %s is %s', (reason, field, verdict) => {
    expect(configMapReport(object, [finding(reason, ref, field, 'a message')]).verdict).toBe(verdict);
  });
});
