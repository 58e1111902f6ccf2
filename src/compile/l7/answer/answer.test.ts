import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { changesOf, compileChanges } from '../../../../test/golden/compile-manifest.ts';
import { casesIn, settingsOf, type GoldenCase } from '../../../../test/golden/golden-case.ts';
import { answerOf, type Answer } from './answer.ts';
import type { RoutedRequest } from './request.ts';

/** What a filter decides by who asks, and how often: the model says nothing of it. */
const BY_CLIENT = new Set(['204', '401', '403', '413', '429']);

interface Recorded {
  readonly line: string;
  readonly request: RoutedRequest;
  /** What a real HAProxy has answered: `test/traffic/features.test.ts`. */
  readonly answer: string;
}

function recordedIn({ answersFile }: GoldenCase): readonly Recorded[] {
  const lines = existsSync(answersFile) ? readFileSync(answersFile, 'utf8').split('\n') : [];
  return lines.flatMap((line): readonly Recorded[] => {
    const [, method = '', url, headers = '', answer] =
      /^([A-Z]+) (\S+)((?: -H "[^"]+")*)(?: show \S+)? -> (.*)$/.exec(line) ?? [];
    if (url === undefined || answer === undefined) return [];
    const { host, pathname, search } = new URL(url);
    const fields = [...headers.matchAll(/"([^":]+): ?([^"]*)"/g)].map(([, name = '', value = '']) => [
      name.toLowerCase(),
      value,
    ]);
    const request: RoutedRequest = {
      scheme: 'http',
      method,
      host,
      target: `${pathname}${search}`,
      headers: Object.fromEntries(fields) as Record<string, string>,
    };
    return [{ line, request, answer: answer.replace(/, (?:request|response) .*$/, '') }];
  });
}

/** The answer in the words of the record. */
function worded(answer: Answer): readonly string[] {
  switch (answer.kind) {
    case 'refused':
      return [String(answer.status)];
    case 'redirected':
      return [`${String(answer.status)} to ${answer.location}`];
    case 'forwarded':
      return answer.backends.map(({ backend }) => `200 by ${backend ?? '?'}, asked for ${answer.target}`);
  }
}

describe('the model of what the engine answers, and what a real HAProxy has answered', () => {
  const cases = casesIn('golden').map((golden) => ({ ...golden, recorded: recordedIn(golden) }));

  it.each(cases.filter(({ recorded }) => recorded.length > 0))('$name', ({ text, recorded }) => {
    const { l7 } = compileChanges(changesOf(text), settingsOf(text));
    for (const { line, request, answer } of recorded) {
      const found = answerOf(l7, request);
      const isGuarded = found.kind === 'forwarded' && found.filters.length > 0;
      if (BY_CLIENT.has(answer.slice(0, 3)) && isGuarded) continue;
      // A backend without endpoints answers 503 whatever the route.
      if (answer === '503' && found.kind === 'forwarded') continue;
      expect(worded(found), line).toContain(answer);
    }
  });

  it('are compared in a hundred requests', () => {
    expect(cases.flatMap(({ recorded }) => recorded).length).toBeGreaterThan(100);
  });
});
