import { expect, it } from 'vitest';
import { InitialEvents } from './initial-events.ts';
import type { RawObject } from './raw-object.ts';

const object = (name: string, value = ''): RawObject => ({ apiVersion: 'v1', kind: 'X', metadata: { name }, value });

it('InitialEvents gives what is left once everything that happened meanwhile is counted in', () => {
  const initial = new InitialEvents((raw) =>
    raw['value'] === 'dull' ? undefined : `${raw.metadata.name}:${String(raw['value'])}`,
  );
  for (const name of ['a', 'b', 'c', 'd']) initial.upsert(object(name, 'old'));
  initial.upsert(object('a', 'new'));
  initial.remove(object('b'));
  initial.upsert(object('c', 'dull'));
  expect(initial.end('42')).toEqual({ objects: ['a:new', 'd:old'], total: 3, resourceVersion: '42' });
});
