import { describe, expect, it } from 'vitest';
import { Fault } from '../../lib/fault.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { hostnameOf, ipAddressOf } from '../../model/grammar.ts';
import type { ObservedIngress } from '../../model/observed.ts';
import type { PublishedAddress } from '../../model/service.ts';
import { IngressWishes, ingressStatusPlane } from './ingress.ts';
import type { StatusWrite, StatusWriter } from './status-writer.ts';

const { signal } = new AbortController();

class Writes implements StatusWriter<ObservedIngress> {
  readonly fieldManager = 'sluice';
  readonly all: StatusWrite[] = [];

  write(write: StatusWrite): Promise<undefined> {
    this.all.push(write);
    return Promise.resolve(undefined);
  }

  concernsAll({ code }: Fault): boolean {
    return code === 'away';
  }
}

function addresses(...texts: readonly string[]): readonly PublishedAddress[] {
  return texts.map((text): PublishedAddress => {
    const [ip, hostname] = [ipAddressOf(text), hostnameOf(text)];
    if (ip !== undefined) return { ip };
    if (hostname === undefined) throw new Error(`${text} is no address`);
    return { hostname };
  });
}

function seen(texts: readonly string[], ...managers: readonly string[]): ObservedIngress {
  return { uid: 'u-1', addresses: addresses(...texts), managers, annotations: {} };
}

const ONE = addresses('192.0.2.1');
const BOTH = addresses('192.0.2.1', '192.0.2.2');

interface Case {
  readonly name: string;
  readonly want: readonly PublishedAddress[] | undefined;
  readonly seen: ObservedIngress | undefined;
  /** The status that is written; `nothing`: none is. */
  readonly written: unknown;
}

const wrote = (list: readonly PublishedAddress[]): object => ({ loadBalancer: { ingress: list } });

const cases: readonly Case[] = [
  { name: 'an empty status', want: ONE, seen: seen([]), written: wrote(ONE) },
  { name: 'one that says so', want: ONE, seen: seen(['192.0.2.1'], 'sluice'), written: 'nothing' },
  { name: 'one that another wrote alike', want: ONE, seen: seen(['192.0.2.1'], 'nginx'), written: 'nothing' },
  { name: 'one in another order', want: BOTH, seen: seen(['192.0.2.2', '192.0.2.1']), written: 'nothing' },
  { name: 'one that lacks an address', want: BOTH, seen: seen(['192.0.2.2'], 'sluice'), written: wrote(BOTH) },
  { name: 'one of another controller', want: ONE, seen: seen(['203.0.113.9'], 'nginx'), written: wrote(ONE) },
  { name: 'one that has not been seen', want: ONE, seen: undefined, written: 'nothing' },
  { name: 'no address to publish', want: [], seen: seen(['192.0.2.1'], 'sluice'), written: 'nothing' },
  { name: 'ours no more, and we wrote', want: undefined, seen: seen(['192.0.2.1'], 'sluice'), written: undefined },
  { name: 'ours no more, another wrote', want: undefined, seen: seen(['192.0.2.1'], 'nginx'), written: 'nothing' },
  { name: 'never ours', want: undefined, seen: seen([]), written: 'nothing' },
  { name: 'gone', want: undefined, seen: undefined, written: 'nothing' },
];

describe('ingressStatusPlane', () => {
  it.each(cases)('$name', async ({ want, seen: observed, written }) => {
    const writes = new Writes();
    const plane = ingressStatusPlane(writes);
    plane.mayTakeBack = true;
    await plane.compare('ns/web', want, observed)?.(signal);
    expect(writes.all).toEqual(written === 'nothing' ? [] : [{ key: 'ns/web', uid: 'u-1', status: written }]);
  });

  it('takes nothing back before all is read that decides what is ours', () => {
    const plane = ingressStatusPlane(new Writes());
    expect(plane.compare('ns/web', undefined, seen(['192.0.2.1'], 'sluice'))).toBeUndefined();
    expect(plane.compare('ns/web', ONE, seen([]))).toBeDefined();
  });

  it('names who else owns the addresses', () => {
    const plane = ingressStatusPlane(new Writes());
    expect(plane.otherWriter(seen([], 'nginx-ingress-controller', 'sluice'))).toBe('nginx-ingress-controller');
    expect(plane.otherWriter(seen([], 'sluice'))).toBeUndefined();
    expect(plane.concernsAll(new Fault('away', ''))).toBe(true);
  });
});

describe('IngressWishes', () => {
  it('stay the same objects while nothing is different', () => {
    const wishes = new IngressWishes();
    const ours = PersistentMap.from([['ns/a', true]] as const);
    const first = wishes.of(ours, ONE);
    expect([...first.entries()]).toEqual([['ns/a', ONE]]);
    expect(wishes.of(ours, addresses('192.0.2.1'))).toBe(first);
    const more = wishes.of(ours.set('ns/b', true), ONE);
    expect(more.get('ns/a')).toBe(first.get('ns/a'));
    expect(more.size).toBe(2);
    expect([...wishes.of(ours, BOTH).entries()]).toEqual([['ns/a', BOTH]]);
    expect(wishes.of(PersistentMap.empty(), BOTH).size).toBe(0);
    expect(wishes.of(PersistentMap.empty(), ONE).size).toBe(0);
    expect([...wishes.of(ours, ONE).values()]).toEqual([ONE]);
  });
});
