/**
 * Replays what was recorded of ingress-nginx with Sluice, and prints how many cases are equal, by topic. In a network namespace of its own:
 *
 *     node test/oracle/oracle.ts                     all cases
 *     node test/oracle/oracle.ts --only r052,path-*  some, with every difference
 *     node test/oracle/oracle.ts --topic path        those of some topics, with every difference
 *     node test/oracle/oracle.ts --differential N    random Ingresses and N requests, against the model of nginx's locations, and no cases
 *     node test/oracle/oracle.ts --out FILE          keeps the answers, in the form of the record
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { recordedCases, type Case } from './case.ts';
import fc from 'fast-check';
import { differencesIn, scenes } from './differential.ts';
import { INTENDED_DIFFERENCES } from './differences.ts';
import { EQUAL_CASES } from './expected.ts';
import { inOwnNamespace } from './namespace.ts';
import { Replay } from './replay.ts';
import { resultOf, scoreTable, type Result } from './score.ts';

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      only: { type: 'string' },
      topic: { type: 'string' },
      out: { type: 'string' },
      differential: { type: 'string' },
    },
  });
  if (values.differential !== undefined) {
    await compareWithModel(Number(values.differential));
    return;
  }
  const isShown = values.only !== undefined || values.topic !== undefined;
  const cases = recordedCases().filter((item) => isChosen(item, values.only, values.topic));
  const replay = await Replay.start();
  const results: Result[] = [];
  try {
    for (const item of cases) {
      const result = resultOf(item, await replay.observe(item));
      results.push(result);
      print(verdictOf(result));
      if (isShown) for (const line of differenceLines(result)) print(line);
    }
  } finally {
    await replay.stop();
  }
  if (values.out !== undefined) writeFileSync(values.out, results.map(recordOf).join(''));
  const intended = new Set(INTENDED_DIFFERENCES.flatMap((difference) => difference.cases));
  print(`\n${scoreTable(results, intended)}\nHAProxy was started for: ${replay.gateway.starts.join(', ')}`);
  const ids = (isMeant: (result: Result) => boolean): string =>
    results
      .filter(isMeant)
      .map(({ item }) => item.id)
      .join(', ');
  print(`Newly equal, for expected.ts: ${ids(({ item, isEqual }) => isEqual && !EQUAL_CASES.has(item.id)) || 'none'}`);
  print(`No longer equal: ${ids(({ item, isEqual }) => !isEqual && EQUAL_CASES.has(item.id)) || 'none'}`);
}

async function compareWithModel(requests: number): Promise<void> {
  const replay = await Replay.start();
  let [sent, different] = [0, 0];
  try {
    for (const scene of fc.sample(scenes, Math.ceil(requests / 25))) {
      const found = await differencesIn(replay, scene);
      if (found.length > 0) print(`${JSON.stringify(scene.ingresses)}\n    ${found.join('\n    ')}`);
      sent += scene.targets.length;
      different += found.length;
    }
  } finally {
    await replay.stop();
  }
  print(`${String(different)} of ${String(sent)} requests are answered otherwise than the model of nginx says`);
  if (different > 0) process.exitCode = 1;
}

/** In the form of the record, for other programs that read it. */
function recordOf({ item, observations }: Result): string {
  const requests = item.requests.map((request, index) => ({ ...request, observed: observations[index] }));
  return `${JSON.stringify({ ...item, requests })}\n`;
}

function isChosen({ id, topic }: Case, only: string | undefined, topics: string | undefined): boolean {
  const matches = (list: string | undefined, text: string): boolean =>
    list === undefined ||
    list.split(',').some((item) => (item.endsWith('*') ? text.startsWith(item.slice(0, -1)) : text === item));
  return matches(only, id) && matches(topics, topic);
}

function verdictOf({ item, isEqual, differences, opened }: Result): string {
  const count = differences.filter((list) => list.length > 0).length;
  const text = isEqual ? 'equal' : `${String(count)} of ${String(differences.length)} requests differ`;
  return `${item.id.padEnd(20)} ${item.topic.padEnd(14)} ${text}${opened.length > 0 ? `; opened: ${opened.join(', ')}` : ''}`;
}

function differenceLines({ item, differences }: Result): readonly string[] {
  return item.requests.flatMap(({ method = 'GET', tls = false, host = '', path = '', headers = {} }, index) => {
    const found = differences[index] ?? [];
    if (found.length === 0) return [];
    const request = `${method} ${tls ? 'https' : 'http'}://${host}${path} ${JSON.stringify(headers)}`;
    return [
      `    #${String(index)} ${request}`,
      ...found.map(
        ({ what, recorded, observed }) =>
          `        ${what}: ${JSON.stringify(recorded)} is here ${JSON.stringify(observed)}`,
      ),
    ];
  });
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

inOwnNamespace();
await main();
