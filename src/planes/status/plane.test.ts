import { describe, expect, it } from 'vitest';
import { FakeStatusWriter } from '../../../test/fakes/status-writer.ts';
import { Fault } from '../../lib/fault.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { finding, type Finding } from '../../model/finding.ts';
import { ipAddressOf } from '../../model/grammar.ts';
import type { IngressStatus } from '../../compile/plan.ts';
import { StatusPlane, type StatusWant } from './plane.ts';

const { signal } = new AbortController();

function status(name: string, address: string | undefined): readonly [string, IngressStatus] {
  const ip = address === undefined ? undefined : ipAddressOf(address);
  const ref = { kind: 'Ingress', namespace: 'ns', name } as const;
  return [`ns/${name}`, { ref, addresses: ip === undefined ? [] : [{ ip }] }];
}

function want(
  statuses: readonly (readonly [string, IngressStatus])[],
  findings: Readonly<Record<string, readonly Finding[]>> = {},
): StatusWant {
  return {
    status: { ingresses: PersistentMap.from(statuses) },
    findings: PersistentMap.from(Object.entries(findings)),
  };
}

function leading(): { readonly writer: FakeStatusWriter; readonly plane: StatusPlane } {
  const writer = new FakeStatusWriter();
  const plane = new StatusPlane(writer);
  plane.lead(true);
  return { writer, plane };
}

const names = Array.from({ length: 40 }, (_, index) => `i${String(index)}`);

describe('StatusPlane', () => {
  it('writes nothing while another process leads, and everything once it leads itself', async () => {
    const writer = new FakeStatusWriter();
    const plane = new StatusPlane(writer);
    const all = want([status('a', '192.0.2.1')]);
    expect(await plane.apply(all, signal)).toEqual({ changes: 0 });
    expect(writer.writes).toBe(0);
    const told: string[] = [];
    plane.onDisturbed((reason) => told.push(reason));
    plane.lead(true);
    expect(told).toHaveLength(1);
    expect(await plane.apply(all, signal)).toEqual({ changes: 1 });
    plane.lead(false);
    expect(await plane.apply(want([]), signal)).toEqual({ changes: 0 });
    expect(writer.addresses.get('ns/a')).toEqual(['192.0.2.1']);
  });

  it('leaves a status alone for which there is no address', async () => {
    const { writer, plane } = leading();
    expect(await plane.apply(want([status('a', undefined)]), signal)).toEqual({ changes: 0 });
    await plane.apply(want([status('a', '192.0.2.1')]), signal);
    await plane.apply(want([status('a', undefined)]), signal);
    expect(writer.addresses.get('ns/a')).toEqual(['192.0.2.1']);
  });

  it('tells of each Finding once', async () => {
    const { writer, plane } = leading();
    const ref = { kind: 'Ingress', namespace: 'ns', name: 'a' } as const;
    const first = finding('IngressEmpty', ref, 'spec', 'one');
    const second = finding('IngressEmpty', ref, 'spec', 'two');
    expect(await plane.apply(want([], { p: [first] }), signal)).toEqual({ changes: 1 });
    expect(await plane.apply(want([], { p: [{ ...first }, second] }), signal)).toEqual({ changes: 1 });
    expect([first, second].map((item) => writer.hasRecorded(item))).toEqual([true, true]);
  });

  it('tells of the same on another object, and once of what several producers say', async () => {
    const { writer, plane } = leading();
    const [a, b] = ['a', 'b'].map((name) =>
      finding('PathConflict', { kind: 'Ingress', namespace: 'ns', name }, 'spec.rules[0]', 'already routed'),
    );
    if (a === undefined || b === undefined) throw new Error('two Findings');
    expect(await plane.apply(want([], { 'host:x': [a], 'host:y': [{ ...a }] }), signal)).toEqual({ changes: 1 });
    expect(await plane.apply(want([], { 'host:x': [a, b], 'host:y': [a] }), signal)).toEqual({ changes: 1 });
    expect([a, b].map((item) => writer.hasRecorded(item))).toEqual([true, true]);
  });

  it('asks the API server for few things at once', async () => {
    const { writer, plane } = leading();
    await plane.apply(want(names.map((name) => status(name, '192.0.2.1'))), signal);
    expect(writer.addresses.size).toBe(names.length);
    expect(writer.peak).toBeGreaterThan(1);
    expect(writer.peak).toBeLessThan(20);
  });

  it('writes all others beside objects that are refused, and then says that some were', async () => {
    const { writer, plane } = leading();
    for (const name of names.slice(0, 10)) writer.refused.add(`ns/${name}`);
    await expect(plane.apply(want(names.map((name) => status(name, '192.0.2.1'))), signal)).rejects.toThrow(Fault);
    expect(writer.addresses.size).toBe(names.length - 10);
  });

  it('has no write under way any more when it says that one was refused, lest an old one overtakes a new one', async () => {
    const { writer, plane } = leading();
    const slow = Promise.withResolvers<void>();
    writer.refused.add('ns/refused');
    writer.held.set('ns/slow', slow.promise);
    let hasFailed = false;
    const first = plane
      .apply(want([status('refused', '192.0.2.1'), status('slow', '192.0.2.1')]), signal)
      .catch(() => (hasFailed = true));
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(hasFailed).toBe(false);
    slow.resolve();
    await first;
    expect(hasFailed).toBe(true);
    expect(writer.underWay).toBe(0);
  });

  it('takes nothing for written that was refused, or written while leadership was lost', async () => {
    const { writer, plane } = leading();
    const all = want([status('a', '192.0.2.1')]);
    writer.trouble = new Fault('api-server', 'gone');
    await expect(plane.apply(all, signal)).rejects.toThrow('gone');
    writer.trouble = undefined;
    const slow = Promise.withResolvers<void>();
    writer.held.set('ns/a', slow.promise);
    const under = plane.apply(all, signal);
    plane.lead(false);
    plane.lead(true);
    slow.resolve();
    await under;
    expect(await plane.apply(all, signal)).toEqual({ changes: 1 });
  });
});
