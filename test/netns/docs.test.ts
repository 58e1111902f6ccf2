/** What the documentation says to type about addresses on a network, typed. */
import { execFileSync } from 'node:child_process';
import { afterEach, expect, test } from 'vitest';
import { signalProcess } from '../../src/lib/signal-process.ts';
import { commandsOf, runAsPerson } from '../documented-commands.ts';

const PAGES = ['docs/tutorial/service-address.md', 'docs/tutorial/service-address.zh-CN.md'] as const;
const NAMESPACES = ['machine-a', 'machine-b', 'client', 'switch'].map((name) => `tutorial-${name}`);

/** What a tutorial that did not come to its end has left. */
afterEach(() => {
  const there = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).split(/\s+/);
  for (const name of NAMESPACES.filter((each) => there.includes(each))) {
    const pids = execFileSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).split('\n').filter(Boolean);
    for (const pid of pids) signalProcess(Number(pid), 'SIGKILL');
    execFileSync('ip', ['netns', 'delete', name]);
  }
});

test('the tutorial about the address of a Service works from its first command to its last', async () => {
  const { code, output } = await runAsPerson(commandsOf(PAGES[0]));
  expect(code, output).toBe(0);
  expect(output.match(/^Hello$/gm)).toHaveLength(2);
  expect(output).toMatch(/default\/web +10\.99\.0\.200 +--pool +yes/);
  expect(output.match(/Removed keepalived/g)).toHaveLength(2);
});

test('has the same commands in both languages', () => {
  expect(commandsOf(PAGES[1])).toBe(commandsOf(PAGES[0]));
});
