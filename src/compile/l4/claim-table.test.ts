import { expect, it } from 'vitest';
import { serviceOf } from '../../../test/l4/objects.ts';
import { meta } from '../../../test/l4/snapshot-steps.ts';
import { keyOf } from '../../model/object.ts';
import { ClaimTable } from './claim-table.ts';

const OLD = serviceOf('old', { meta: meta('old', 1) });
const YOUNG = serviceOf('young', { meta: meta('young', 2) });
/** As old as {@link OLD}: the name decides. */
const TWIN = serviceOf('twin', { meta: meta('twin', 1) });
const ALL = new Map([OLD, YOUNG, TWIN].map((service) => [keyOf(service.meta), service]));

function holder(table: ClaimTable, claim: string, service: typeof OLD): string | undefined {
  return table.holder(claim, service, (key) => ALL.get(key))?.meta.name;
}

it('gives a claim to the oldest, of equals to the first by name', () => {
  const table = new ClaimTable();
  for (const key of ALL.keys()) table.set(key, ['a']);
  expect(holder(table, 'a', OLD)).toBeUndefined();
  expect(holder(table, 'a', TWIN)).toBe('old');
  expect(holder(table, 'a', YOUNG)).toBe('old');
});

it('knows nothing of claims that nobody makes, or that only a Service makes that is gone', () => {
  const table = new ClaimTable();
  table.set('ns/gone', ['a']);
  table.set('ns/young', ['a']);
  expect(holder(table, 'a', YOUNG)).toBeUndefined();
  expect(holder(table, 'b', YOUNG)).toBeUndefined();
});

it('names those to whom a change of claims may make a difference, and nobody else', () => {
  const table = new ClaimTable();
  expect([...table.set('ns/old', ['a', 'b'])]).toEqual([]);
  expect([...table.set('ns/young', ['b', 'c'])]).toEqual(['ns/old']);
  expect([...table.set('ns/twin', ['c', 'd'])]).toEqual(['ns/young']);
  expect([...table.set('ns/old', ['a'])]).toEqual(['ns/young']);
  expect([...table.set('ns/old', ['a'])]).toEqual([]);
  expect(holder(table, 'b', YOUNG)).toBeUndefined();
});
