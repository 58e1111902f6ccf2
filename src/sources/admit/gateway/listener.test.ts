import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { admitObject } from '../admit.ts';

/** The names of the listeners that are left of those of a Gateway, and what is wrong, as `REASON field`. */
function admit(listener: string): { readonly names: readonly string[]; readonly wrong: readonly string[] } {
  const kind = 'apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: { name: g }';
  const raw: unknown = parse(`{ ${kind}, spec: { gatewayClassName: sluice, listeners: [{ name: l, ${listener} }] } }`);
  const admission = admitObject(raw);
  if (admission?.change?.table !== 'gateways' || admission.change.value === undefined) throw new Error('no Gateway');
  const wrong = admission.findings.map(({ reason, field }) => `${reason} ${field}`);
  return { names: admission.change.value.listeners.map(({ name }) => name), wrong };
}

describe('a listener', () => {
  it('is served with what is known of it', () => {
    expect(admit('port: 80, protocol: HTTP, hostname: a.test')).toEqual({ names: ['l'], wrong: [] });
  });

  it.each([
    ['port: 80, protocol: HTTP, host: a.test', 'host', ''],
    [
      'port: 443, protocol: HTTPS, tls: { certificateRefs: [{ name: c }], frontendValidation: {} }',
      'tls.frontendValidation',
      '.tls',
    ],
  ])('with { %s } is left out: it would be open to more than it is for', (text, unknown, at) => {
    const wrong = [`FieldUnknown spec.listeners[0].${unknown}`, `ObjectMalformed spec.listeners[0]${at}`];
    expect(admit(text)).toEqual({ names: [], wrong });
  });
});
