import { describe, expect, it } from 'vitest';
import { bystanders, targets } from '../../../test/injection/objects.ts';
import { planOf } from '../../../test/injection/served.ts';
import { hostKey, type HostPlan, type L7Plan } from '../../compile/plan.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { findingOf, findRefusals, nameOf, without, type Ask, type Item } from './refusals.ts';
import { regexLines } from './routes.ts';

const plan = planOf([...targets, ...bystanders]).l7;

/** Everything that could be refused, as what is left of the plan shows. */
function itemsOf(some: L7Plan): readonly string[] {
  return [
    ...[...some.certificates.values()].map(({ id }) => id),
    ...[...some.backends.values()].map(({ id }) => id),
    ...[...some.hosts.values()].flatMap(({ routes }) =>
      routes.flatMap(({ match }) => (match.type === 'RegularExpression' ? [match.value] : [])),
    ),
  ];
}

/** A HAProxy that refuses what has one of these names, and says so, or says nothing of use. */
function haproxy(bad: readonly string[], isTelling: boolean): { readonly ask: Ask; count: number } {
  const engine = {
    count: 0,
    ask: (some: L7Plan): Promise<string | undefined> => {
      engine.count += 1;
      const found = itemsOf(some).filter((name) => bad.includes(name));
      const said = isTelling ? `cannot take ${found.join(' and ')}` : 'no';
      return Promise.resolve(found.length === 0 ? undefined : said);
    },
  };
  return engine;
}

const keyOf = ({ kind, value }: Item): string => (kind === 'expression' ? value.match.value : value.id);

describe('findRefusals', () => {
  const all = itemsOf(plan);

  it.each([true, false])(
    'finds each one, and each two, that HAProxy refuses (it says which: %s)',
    async (isTelling) => {
      expect(all.length).toBeGreaterThan(4);
      for (const one of all)
        for (const other of all) {
          const found = await findRefusals(plan, haproxy([one, other], isTelling).ask);
          expect(new Set(found?.map(({ item }) => keyOf(item)))).toEqual(new Set([one, other]));
        }
    },
  );

  it('finds nothing where HAProxy takes the plan, or not even an empty one', async () => {
    expect(await findRefusals(plan, haproxy([], true).ask)).toBeUndefined();
    expect(await findRefusals(plan, () => Promise.resolve('no'))).toBeUndefined();
  });

  it('blames nobody for what only two together do', async () => {
    const [one = '', other = ''] = all;
    const ask: Ask = (some) => {
      const names = itemsOf(some);
      return Promise.resolve(names.includes(one) && names.includes(other) ? 'no' : undefined);
    };
    expect(await findRefusals(plan, ask)).toBeUndefined();
  });
});

describe('without', () => {
  const [certificate] = plan.certificates.values();
  const forwarded = new Set(
    [...plan.hosts.values()].flatMap(({ routes }) =>
      routes.flatMap(({ action }) => (action.kind === 'forward' ? [action.backend] : [])),
    ),
  );
  const backend = [...plan.backends.values()].find(({ id }) => forwarded.has(id));
  if (certificate === undefined || backend === undefined) throw new Error('a plan with both');

  it('answers routes to a backend that is left out with 503', () => {
    const left = without(plan, [{ kind: 'backend', value: backend }]);
    const routes = [...left.hosts.values()].flatMap((host) => host.routes);
    expect(routes.filter(({ action }) => action.kind === 'forward' && action.backend === backend.id)).toEqual([]);
    expect(routes.some(({ action }) => action.kind === 'refuse' && action.reason === 'backend-invalid')).toBe(true);
    expect(left.backends.has(backend.id)).toBe(false);
  });

  it('keeps the certificate that was served in the place of one that is refused', () => {
    const before = { ...certificate, certificate: { ...certificate.certificate, fingerprint: 'before' } };
    const served = { ...plan, certificates: plan.certificates.set(certificate.id, before) };
    const item: Item = { kind: 'certificate', value: certificate };
    expect(without(plan, [item], served).certificates.get(certificate.id)).toBe(before);
    expect(without(plan, [item]).certificates.has(certificate.id)).toBe(false);
  });

  it('takes back what has changed meanwhile', () => {
    const item: Item = { kind: 'certificate', value: certificate };
    const renewed = { ...plan, certificates: plan.certificates.set(certificate.id, { ...certificate }) };
    expect(without(renewed, [item]).certificates.has(certificate.id)).toBe(true);
  });

  describe('an expression that is left out', () => {
    const everything = [...plan.hosts.values()].flatMap(({ host, entrance, isDeep, routes }) =>
      routes.flatMap((value): Item[] =>
        value.match.type === 'RegularExpression'
          ? [{ kind: 'expression', value, host: { host, entrance, isDeep } }]
          : [],
      ),
    );
    const item = everything.find(
      (one) =>
        one.kind === 'expression' && one.value.match.value === '/regex/[0-9]+' && one.value.action.kind === 'forward',
    );
    if (item?.kind !== 'expression') throw new Error('a plan with an expression');
    const before = plan.hosts.get(hostKey(item.host))?.routes ?? [];

    it('leaves a route that refuses what it could match, in the same place among the others', () => {
      expect(item.value.match.value).toBe('/regex/[0-9]+');
      expect(item.value.action.kind).toBe('forward');
      const host = without(plan, [item]).hosts.get(hostKey(item.host));
      if (host === undefined) throw new Error('the host is there');
      const match = { type: 'RegularExpression', value: '/regex/()()()' };
      const action = { kind: 'refuse', status: 503, reason: 'backend-invalid' };
      expect(host.routes).toContainEqual({ ...item.value, match, filters: [], action });
      expect(new Set(host.routes.filter((route) => before.includes(route)))).toEqual(
        new Set(before.filter((route) => route !== item.value)),
      );
      const line = regexLines(PersistentMap.empty<HostPlan>().set(hostKey(item.host), host)).find((text) =>
        text.includes('()()()'),
      );
      expect(line).toMatch(/ sluice-503\|.*\|backend-invalid$/);
    });

    it('is named as of the object that wrote it, whichever kind that is', () => {
      const kinds = new Set(['Ingress', 'HTTPRoute', 'GRPCRoute']);
      expect(new Set(everything.map((one) => nameOf(one).replace(/ .*/, '')))).toEqual(kinds);
      expect(new Set(everything.map((one) => findingOf({ item: one, reason: 'no' }).object.kind))).toEqual(kinds);
    });

    it('says of a closed one that it is closed', () => {
      const action = { kind: 'refuse', status: 503, reason: 'restriction-unsupported' } as const;
      const value = { ...item.value, action };
      const closed = {
        ...plan,
        hosts: plan.hosts.set(hostKey(item.host), { ...item.host, certificate: undefined, routes: [value] }),
      };
      const left = without(closed, [{ ...item, value }]).hosts.get(hostKey(item.host))?.routes;
      expect(left?.map((route) => route.action)).toEqual([action]);
    });
  });

  it('names objects as people know them', () => {
    expect(nameOf({ kind: 'certificate', value: certificate })).toMatch(/^Secret [a-z-]+\/[a-z-]+$/);
  });
});
