/** The page of faults names tests that exist, and says of every scenario which they are or why there is none. */
import { describe, expect, it } from 'vitest';
import { hasTitle, isThere, scenariosOf, testsOf } from './named-tests.ts';

const scenarios = scenariosOf('docs/explain/fault-matrix.md');

describe('docs/explain/fault-matrix.md', () => {
  it('numbers its scenarios', () => {
    expect(scenarios.map(({ number }) => number)).toEqual(scenarios.map((_, index) => index + 1));
    expect(scenarios.length).toBeGreaterThanOrEqual(56);
  });

  it.each(scenarios)('$number ($title) names tests that are there, or says why there are none', (scenario) => {
    const tests = testsOf(scenario);
    expect(tests.filter((test) => !isThere(test))).toEqual([]);
    expect(scenario.text.match(/^- /gm) ?? []).toHaveLength(tests.length);
    if (tests.length === 0) expect(scenario.text).toMatch(/^\*\*Not (?:tested|built)\*\*: /m);
  });

  it('is not satisfied with a title that is a part of another one, is skipped, or is in no test', () => {
    const source = "it('answers all', f); it.skip('waits', f);";
    expect(['answers all', 'answers', 'waits'].map((title) => hasTitle(source, title))).toEqual([true, false, false]);
    expect(isThere({ file: 'src/main.ts', title: 'node' })).toBe(false);
  });
});
