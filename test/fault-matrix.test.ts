/** The page of faults names tests that exist, and says of every scenario which they are or why there is none. */
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface Scenario {
  readonly number: number;
  readonly title: string;
  readonly text: string;
}

interface NamedTest {
  readonly file: string;
  readonly title: string;
}

const TEST_FILE = /^(?:src|test)\/.*\.test\.ts$|^test\/contract\/\w+\.ts$/;

const page = readFileSync('docs/explain/fault-matrix.md', 'utf8');

const scenarios: readonly Scenario[] = page
  .split(/^#{2,3} /m)
  .flatMap((section) => [...section.matchAll(/^(\d+)\. (.*)\n([^]*)$/g)])
  .map(([, number, title = '', text = '']) => ({ number: Number(number), title, text }));

function testsOf(scenario: Scenario): readonly NamedTest[] {
  return [...scenario.text.matchAll(/^- `([^`]+)`: `([^`]+)`(?: \(.+\))?$/gm)].map(([, file = '', title = '']) => ({
    file,
    title,
  }));
}

/** Whether a text is all of a string in the source that is neither skipped nor still to be written. */
function hasTitle(source: string, title: string): boolean {
  const literals = ["'", '"', '`'].map((quote) => `${quote}${title}${quote}`);
  return literals.some((literal) => {
    const at = source.indexOf(literal);
    return at >= 0 && !/\.(?:skip|todo)\(\s*$/.test(source.slice(0, at));
  });
}

function isThere({ file, title }: NamedTest): boolean {
  return TEST_FILE.test(file) && existsSync(file) && hasTitle(readFileSync(file, 'utf8'), title);
}

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
