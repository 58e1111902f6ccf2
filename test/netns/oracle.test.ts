import { afterAll, beforeAll, expect, it } from 'vitest';
import { recordedCases } from '../oracle/case.ts';
import { INTENDED_DIFFERENCES } from '../oracle/differences.ts';
import { EQUAL_CASES, OPEN_REQUESTS, SLOW_CASES } from '../oracle/expected.ts';
import { inOwnNamespace } from '../oracle/namespace.ts';
import { Replay } from '../oracle/replay.ts';
import { resultOf, type Result } from '../oracle/score.ts';
import { useOwnNamespace } from './own-namespace.ts';

useOwnNamespace();

const cases = recordedCases().filter(({ id }) => !SLOW_CASES.has(id));
const results: Result[] = [];
let replay: Replay;

beforeAll(async () => {
  inOwnNamespace();
  replay = await Replay.start();
  for (const item of cases) results.push(resultOf(item, await replay.observe(item)));
}, 240_000);

afterAll(async () => {
  await replay.stop();
});

it('what was answered as ingress-nginx does still is', () => {
  const different = results.filter(({ item, isEqual }) => EQUAL_CASES.has(item.id) && !isEqual);
  expect(different.map(({ item, differences }) => ({ id: item.id, differences }))).toEqual([]);
});

it('nothing is served that ingress-nginx refuses, but for what is known', () => {
  const opened = results.flatMap(({ item, opened: indexes }) => indexes.map((index) => `${item.id}#${String(index)}`));
  expect(opened.filter((request) => !OPEN_REQUESTS.has(request))).toEqual([]);
});

it('all cases without a restart of HAProxy, but for what a ConfigMap says of HAProxy itself', () => {
  const handovers = replay.gateway.starts.filter((reason) => reason === 'settings').length;
  expect(replay.gateway.starts.filter((reason) => reason !== 'settings')).toEqual(['started']);
  // To the settings of the case, and back.
  expect(handovers).toBeLessThanOrEqual(2 * cases.filter(({ configmap }) => configmap !== undefined).length);
});

it('what is expected and what is intended are cases of the record, and no case is both', () => {
  const ids = new Set(recordedCases().map(({ id }) => id));
  const intended = INTENDED_DIFFERENCES.flatMap((difference) => difference.cases);
  const opened = [...OPEN_REQUESTS.keys()].map((request) => request.split('#')[0] ?? '');
  expect([...EQUAL_CASES, ...SLOW_CASES, ...intended, ...opened].filter((id) => !ids.has(id))).toEqual([]);
  expect(intended.filter((id) => EQUAL_CASES.has(id))).toEqual([]);
});
