import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { admitObject, findingsKey, type Admission } from './admit.ts';

/** Admits an object that is written as flow YAML, and must be of a kind that is read. */
function admit(text: string): Admission {
  const admission = admitObject(parse(text));
  if (admission === undefined) throw new Error('not a kind that is read');
  return admission;
}

function told({ findings }: Admission): readonly string[] {
  return findings.map(({ reason, field }) => `${reason} ${field}`);
}

describe('admitObject', () => {
  it.each([
    ['nothing', 'null'],
    ['a list', '[]'],
    ['a kind that is not read', '{ apiVersion: v1, kind: Pod, metadata: { name: a } }'],
    ['another API group', '{ apiVersion: traefik.io/v1, kind: Ingress, metadata: { name: a } }'],
    ['a version that never was', '{ apiVersion: networking.k8s.io/v2, kind: Ingress, metadata: { name: a } }'],
    ['no kind', '{ apiVersion: v1, metadata: { name: a } }'],
  ])('passes over %s', (_, text) => {
    expect(admitObject(parse(text))).toBeUndefined();
  });

  it('reads what every object carries', () => {
    const text =
      '{ apiVersion: v1, kind: Service, metadata: { name: a, namespace: n, uid: u, creationTimestamp: "2026-01-02T03:04:05Z" }, spec: { ports: [{ port: 8 }] } }';
    expect(admit(text)).toMatchObject({
      ref: { kind: 'Service', namespace: 'n', name: 'a' },
      change: {
        table: 'services',
        key: 'n/a',
        value: {
          meta: {
            namespace: 'n',
            name: 'a',
            uid: 'u',
            createdMs: Date.UTC(2026, 0, 2, 3, 4, 5),
          },
        },
      },
      findings: [],
    });
  });

  it.each([
    ['no namespace', '{ name: a }', 'Service/default/a'],
    ['an empty namespace', '{ name: a, namespace: "" }', 'Service/default/a'],
    ['a timestamp that is none', '{ name: a, creationTimestamp: yesterday }', 'Service/default/a'],
    ['metadata of the wrong kind for a uid', '{ name: a, uid: 5 }', 'Service/default/a'],
  ])('makes do with %s', (_, metadata, key) => {
    const admission = admit(`{ apiVersion: v1, kind: Service, metadata: ${metadata}, spec: { ports: [{ port: 8 }] } }`);
    expect(findingsKey(admission.ref)).toBe(key);
    expect(admission.change?.value).toMatchObject({ meta: { createdMs: 0, uid: '' } });
    expect(told(admission)).toEqual([]);
  });

  it('keeps an object of the cluster out of any namespace', () => {
    const text = '{ apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: { name: a, namespace: n } }';
    expect(admit(text).change).toMatchObject({ table: 'ingressClasses', key: 'a' });
  });

  it.each([
    ['no metadata', '{}', 'NameInvalid metadata.name', '(no-name)'],
    ['no name', '{ metadata: { namespace: n } }', 'NameInvalid metadata.name', '(no-name)'],
    ['a number as its name', '{ metadata: { name: 5 } }', 'NameInvalid metadata.name', '(no-name)'],
    ['capital letters', '{ metadata: { name: "A b;" } }', 'NameInvalid metadata.name', 'A_b_'],
    ['a line end in its name', '{ metadata: { name: "a\\n" } }', 'NameInvalid metadata.name', 'a_'],
    [
      'a name of 300 letters',
      `{ metadata: { name: ${'a'.repeat(300)} } }`,
      'NameInvalid metadata.name',
      'a'.repeat(60),
    ],
    ['a namespace with dots', '{ metadata: { name: a, namespace: a.b } }', 'NameInvalid metadata.namespace', 'a'],
  ])('refuses an object with %s', (_, rest, finding, name) => {
    const admission = admitObject({ apiVersion: 'v1', kind: 'Service', ...Object(parse(rest)) });
    expect(admission).toMatchObject({ ref: { kind: 'Service', namespace: '', name }, change: undefined });
    expect(admission === undefined ? [] : told(admission)).toEqual([finding]);
  });
});
