/** The page of load balancers' behaviours names tests that exist, or says of a behaviour why there are none. */
import { describe, expect, it } from 'vitest';
import { isThere, scenariosOf, testsOf } from './named-tests.ts';

const behaviours = scenariosOf('docs/reference/load-balancer-behaviours.md');

describe('docs/reference/load-balancer-behaviours.md', () => {
  it('has all sixty, in order', () => {
    expect(behaviours.map(({ number }) => number)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
  });

  it.each(behaviours)('$number ($title) names tests that are there, or says why there are none', (behaviour) => {
    const tests = testsOf(behaviour);
    expect(tests.filter((test) => !isThere(test))).toEqual([]);
    expect(behaviour.text.match(/^- /gm) ?? []).toHaveLength(tests.length);
    if (tests.length === 0) expect(behaviour.text).toMatch(/^\*\*Not (?:tested|built)\*\*: /m);
  });
});
