import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { L7Plan } from '../../src/compile/plan.ts';
import { SecretText } from '../../src/model/secret-text.ts';
import { findingOf } from '../../src/planes/l7/refusals.ts';
import { changesOf, compileChanges } from '../golden/compile-manifest.ts';
import { makeCertificate } from './certificate.ts';
import { EngineWorld } from './engine-world.ts';
import { Backend } from './lab.ts';
import { ingress, service, tlsSecret } from './manifest.ts';

const one = await Backend.start('one');
afterAll(() => one.stop());

const pem = makeCertificate('good', ['a.test']);
const other = makeCertificate('other', ['b.test']);

function want(...more: readonly string[]): L7Plan {
  const manifests = [
    service('one', [one.port]),
    tlsSecret('a-tls', pem),
    ingress('a', 'a.test', { '/': 'one' }, 'a-tls'),
    tlsSecret('b-tls', other),
    ingress('b', 'b.test', { '/': 'one' }, 'b-tls'),
    ...more,
  ];
  return compileChanges(changesOf(manifests.join(''))).l7;
}

/** A plan whose certificate for b.test has a key that no admission would let through, as if admission had a gap. */
function withBadCertificate(plan: L7Plan): L7Plan {
  const [key, bad] = plan.certificates.sorted().find(([, { serverNames }]) => serverNames.join() === 'b.test') ?? [];
  if (key === undefined || bad === undefined) throw new Error('a certificate for b.test');
  const certificate = { ...bad.certificate, fingerprint: 'bad', keyPem: new SecretText(pem.key) };
  return { ...plan, certificates: plan.certificates.set(key, { ...bad, certificate }) };
}

describe('what HAProxy refuses', () => {
  const { signal } = new AbortController();
  let world: EngineWorld;
  beforeEach(async () => {
    world = await EngineWorld.create();
  });
  afterEach(async () => {
    await world.plane.release();
    await world.close();
  });

  /** Applies as the runner does, which tries again. */
  const applied = async (plan: L7Plan): Promise<void> => {
    await world.plane.apply(plan, signal).catch(() => world.plane.apply(plan, signal));
    expect(world.plane.answers).toBe(true);
  };

  it('is left out at a start, and the rest is served', async () => {
    const bad = withBadCertificate(want());
    await world.plane.apply(bad, signal);
    // To HTTPS, as hosts with TLS do.
    expect([await world.get('a.test', '/'), await world.get('b.test', '/')]).toEqual(['308 ', '308 ']);
    const [a, b] = await world.certificates(['a.test', 'b.test']);
    expect([a, b]).toEqual(['good', 'Sluice default certificate']);
    expect([world.refusals, world.starts]).toEqual([1, ['started']]);
    const found = world.plane.refusalsOf(bad).map(findingOf);
    expect(found.map(({ code, object }) => `${code} ${object.kind} ${object.name}`)).toEqual(['SLU901 Secret b-tls']);
    expect(found[0]?.message).toMatch(/inconsistencies between private key and certificate/);
    // Of what has been mended nothing is said any more.
    expect(world.plane.refusalsOf(want())).toEqual([]);
  });

  it('keeps the certificate that was served before in its place, and costs one process, not one for every change', async () => {
    await world.plane.apply(want(), signal);
    const bad = withBadCertificate(want());
    await applied(bad);
    expect(await world.certificates(['a.test', 'b.test'])).toEqual(['good', 'other']);
    // The objects that did not change are the same ones, as compile has it.
    const { hosts, backends } = want(ingress('late', 'late.test', { '/': 'one' }));
    await applied({ ...bad, hosts, backends });
    expect(await world.get('late.test', '/')).toBe('200 one');
    expect([world.refusals, world.starts]).toEqual([1, ['started', 'out-of-step']]);
    await applied(want());
    expect(await world.certificates(['b.test'])).toEqual(['other']);
    expect(world.starts).toHaveLength(2);
  });

  it('is found among a thousand others', async () => {
    const many = Array.from({ length: 1000 }, (_, index) => service(`many-${String(index)}`, [one.port]));
    const paths = Object.fromEntries(many.map((_, index) => [`/p${String(index)}`, `many-${String(index)}`]));
    await world.plane.apply(withBadCertificate(want(...many, ingress('many', 'many.test', paths))), signal);
    expect(await world.get('many.test', '/p999')).toBe('200 one');
    expect(world.refusals).toBe(1);
  });
});
