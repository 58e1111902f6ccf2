/** Pages that name tests: numbered sections, and below each the tests that show it, as `- `file`: `title` (which part of it)`. */
import { existsSync, readFileSync } from 'node:fs';

export interface Scenario {
  readonly number: number;
  readonly title: string;
  readonly text: string;
}

interface NamedTest {
  readonly file: string;
  readonly title: string;
}

const TEST_FILE = /^(?:src|test)\/.*\.test\.ts$|^test\/contract\/\w+\.ts$/;

/** The numbered sections of a page. */
export function scenariosOf(page: string): readonly Scenario[] {
  return readFileSync(page, 'utf8')
    .split(/^#{2,3} /m)
    .flatMap((section) => [...section.matchAll(/^(\d+)\. (.*)\n([^]*)$/g)])
    .map(([, number, title = '', text = '']) => ({ number: Number(number), title, text }));
}

export function testsOf(scenario: Scenario): readonly NamedTest[] {
  return [...scenario.text.matchAll(/^- `([^`]+)`: `([^`]+)`(?: \(.+\))?$/gm)].map(([, file = '', title = '']) => ({
    file,
    title,
  }));
}

/** Whether a text is all of a string in the source that is neither skipped nor still to be written. */
export function hasTitle(source: string, title: string): boolean {
  const literals = ["'", '"', '`'].map((quote) => `${quote}${title}${quote}`);
  return literals.some((literal) => {
    const at = source.indexOf(literal);
    return at >= 0 && !/\.(?:skip|todo)\(\s*$/.test(source.slice(0, at));
  });
}

export function isThere({ file, title }: NamedTest): boolean {
  return TEST_FILE.test(file) && existsSync(file) && hasTitle(readFileSync(file, 'utf8'), title);
}
