import { expect, it } from 'vitest';
import { admitObject } from '../admit.ts';

/** The paths of a GRPCRoute with this match, and what is wrong with it. */
function admit(
  method: Readonly<Record<string, string>>,
): readonly [paths: readonly string[], wrong: readonly string[]] {
  const admission = admitObject({
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'GRPCRoute',
    metadata: { name: 'r' },
    spec: { rules: [{ matches: [{ method }] }] },
  });
  if (admission?.change?.table !== 'grpcRoutes' || admission.change.value === undefined) throw new Error('no route');
  const { rules } = admission.change.value;
  const paths = rules.flatMap(({ matches }) => matches.map(({ path: { type, value } }) => `${type} ${value}`));
  return [paths, admission.findings.map(({ reason, field }) => `${reason} ${field}`)];
}

it('matches the calls of a service, one call, or a method of every service', () => {
  expect(admit({ service: 'a.B' })).toEqual([['PathPrefix /a.B'], []]);
  expect(admit({ service: 'a.B', method: 'C' })).toEqual([['Exact /a.B/C'], []]);
  expect(admit({ method: 'C' })).toEqual([['RegularExpression /(?:[^/]+)/(?:C)$'], []]);
});

it('refuses names that make no path, whatever their length', () => {
  const long = 'a'.repeat(4_097);
  for (const method of [{ service: long }, { service: 'a.B', method: long }, { service: 'a/b' }])
    expect(admit(method)).toEqual([
      [],
      [expect.stringMatching(/^ObjectMalformed spec\.rules\[0\]\.matches\[0\]\.method/)],
    ]);
});
