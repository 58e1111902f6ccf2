/** The page of metrics names what is answered, no more and no less. */
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { Metrics } from '../src/observe/metrics.ts';

it('docs/reference/metrics.md has a row for every metric of ours', async () => {
  const page = readFileSync('docs/reference/metrics.md', 'utf8');
  const documented = [...page.matchAll(/^\| `(sluice_\w+)`/gm)].map(([, name]) => name);
  const answered = [...(await new Metrics().text()).matchAll(/^# TYPE (sluice_\w+) /gm)].map(([, name]) => name);
  expect(new Set(documented)).toEqual(new Set(answered));
});
