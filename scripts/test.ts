/**
 * Runs everything that must hold before a change goes in, step by step, and prints their sum last, as the
 * plain line `N passed, N failed` or `N passed, N failed, N skipped`. Exit status 0 says that nothing failed.
 *
 *     node scripts/test.ts            all steps
 *     node scripts/test.ts --quick    without the suites that start real servers and need root
 *
 * A step that breaks without naming a failed test (a type error, a suite that crashed, found no tests, ran out of time, or left
 * processes behind) counts as one failed test, so that the last line never looks better than the exit status.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { delimiter, dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { endMarked, markerOf } from './marked-processes.ts';
import { OUTCOME_FILE, type Outcome } from './sum-reporter.ts';

interface Step {
  readonly name: string;
  /** A program of node_modules/.bin and its arguments. */
  readonly command: readonly [program: string, ...args: string[]];
  /** Whether it is a suite of vitest, whose tests are counted. */
  readonly isSuite: boolean;
  /** Takes minutes, real servers and root. */
  readonly isSlow: boolean;
  /** Runs in a network namespace of its own, because it changes the rules of the one it is in. */
  readonly isIsolated?: boolean;
  /** When a step is given up as hanging. The sum of these, of the longest where several run at once, stays below what the whole may take. */
  readonly limitMinutes: number;
}

/** What runs at the same time. */
type Stage = readonly Step[];

const checks: readonly Step[] = [
  { name: 'types', command: ['tsc', '--noEmit'], isSuite: false, isSlow: false, limitMinutes: 1 },
  {
    name: 'lint',
    command: ['oxlint', '--type-aware', '--deny-warnings'],
    isSuite: false,
    isSlow: false,
    limitMinutes: 1,
  },
  { name: 'format', command: ['prettier', '--check', '.'], isSuite: false, isSlow: false, limitMinutes: 1 },
];

const stages: readonly Stage[] = [
  ...checks.map((step) => [step]),
  [suite('unit', { isSlow: false, limitMinutes: 6 })],
  [suite('traffic', { isSlow: true, limitMinutes: 12 })],
  // Both wait for timers and other programs most of the time, and neither sees the other's network.
  [
    suite('netns', { isSlow: true, isIsolated: true, limitMinutes: 24 }),
    suite('cluster', { isSlow: true, limitMinutes: 24 }),
  ],
];

const NOTHING: Outcome = { passed: 0, failed: 0, skipped: 0, failures: [], flaky: [] };

const root = join(import.meta.dirname, '..');
const binFolder = join(root, 'node_modules', '.bin');

/** Starts what follows in a new network namespace, in which a process can reach itself and nothing else. */
const isolation = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];

function suite(name: string, rest: Pick<Step, 'isSlow' | 'isIsolated' | 'limitMinutes'>): Step {
  return { name, command: ['vitest', 'run', '--project', name], isSuite: true, ...rest };
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { quick: { type: 'boolean', default: false } } });
  const folder = await mkdtemp(join(tmpdir(), 'sluice-test-'));
  const interruption = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => interruption.abort(signal));

  const results: Result[] = [];
  for (const stage of stages.map((steps) => steps.filter(({ isSlow }) => !(isSlow && values.quick)))) {
    const isAlone = stage.length === 1;
    results.push(
      ...(await Promise.all(
        stage.map((step) => runTimed({ step, isAlone, folder, interruption: interruption.signal })),
      )),
    );
    if (interruption.signal.aborted) break;
  }
  await rm(folder, { recursive: true });
  if (interruption.signal.aborted) {
    print(`[test] interrupted by ${String(interruption.signal.reason)}`);
    process.exitCode = 130;
    return;
  }
  const sum = sumOf(results.map(({ outcome }) => outcome));
  print(
    [
      '',
      ...results.map(
        ({ step, outcome, seconds }) =>
          `[test] ${step.name.padEnd(8)}${seconds.toFixed(1).padStart(7)} s  ${verdict(step, outcome)}`,
      ),
      ...sum.failures.map((failure) => `[test] failed: ${failure}`),
      ...sum.flaky.map((test) => `[test] passed only when tried again: ${test}`),
      counts(sum),
    ].join('\n'),
  );
  process.exitCode = sum.failed === 0 ? 0 : 1;
}

/** One run of a step. */
interface Run {
  readonly step: Step;
  /** Whether nothing else runs at the same time. */
  readonly isAlone: boolean;
  /** For what a suite says of itself. */
  readonly folder: string;
  readonly interruption: AbortSignal;
}

interface Result {
  readonly step: Step;
  readonly outcome: Outcome;
  readonly seconds: number;
}

async function runTimed(run: Run): Promise<Result> {
  const { step } = run;
  print(`\n[test] ${step.name}: ${step.command.join(' ')}`);
  const startMs = performance.now();
  const outcome = await runStep(run);
  return { step, outcome, seconds: (performance.now() - startMs) / 1000 };
}

function sumOf(outcomes: readonly Outcome[]): Outcome {
  const total = (count: (outcome: Outcome) => number): number => outcomes.reduce((sum, one) => sum + count(one), 0);
  return {
    passed: total(({ passed }) => passed),
    failed: total(({ failed }) => failed),
    skipped: total(({ skipped }) => skipped),
    failures: outcomes.flatMap(({ failures }) => failures),
    flaky: outcomes.flatMap(({ flaky }) => flaky),
  };
}

async function runStep(run: Run): Promise<Outcome> {
  const { step, folder } = run;
  const outcomeFile = join(folder, `${step.name}.json`);
  const isOk = await isSuccess(run, outcomeFile);
  const leftBehind = await endMarked(step.name);
  for (const processLine of leftBehind) print(`[test] ${step.name} left a process behind (ended now): ${processLine}`);
  const outcome = step.isSuite ? await readOutcome(outcomeFile) : NOTHING;
  const isBroken = !isOk || leftBehind.length > 0;
  return { ...outcome, failed: Math.max(outcome.failed, isBroken ? 1 : 0) };
}

/** Whether the command ended with status 0 before its time was over. */
async function isSuccess({ step, isAlone, interruption }: Run, outcomeFile: string): Promise<boolean> {
  const [name, ...args] = step.command;
  const reporters = step.isSuite ? ['--reporter=default', '--reporter=./scripts/sum-reporter.ts'] : [];
  const command = [process.execPath, join(binFolder, name), ...args, ...reporters];
  const [program = '', ...rest] = step.isIsolated === true ? [...isolation, ...command] : command;
  const output = isAlone ? 'inherit' : 'pipe';
  const child = spawn(program, rest, {
    cwd: root,
    // The suites start `node` themselves: it must be this one, however old the machine's own is.
    env: {
      ...process.env,
      ...markerOf(step.name),
      [OUTCOME_FILE]: outcomeFile,
      PATH: [dirname(process.execPath), binFolder, process.env['PATH']].join(delimiter),
    },
    stdio: ['ignore', output, output],
  });
  for (const stream of [child.stdout, child.stderr]) if (stream !== null) printLines(stream, `${step.name} | `);
  const onInterruption = (): boolean => child.kill('SIGINT');
  interruption.addEventListener('abort', onInterruption);
  const limit = setTimeout(() => {
    print(`[test] ${step.name} is given up after ${step.limitMinutes} minutes`);
    child.kill('SIGKILL');
  }, step.limitMinutes * 60_000);
  // Not `close`: a process that was left behind may hold the output open, and is ended only after this.
  await once(child, 'exit');
  clearTimeout(limit);
  interruption.removeEventListener('abort', onInterruption);
  return child.exitCode === 0;
}

/** What the reporter wrote; nothing at all when the suite came to no end. */
async function readOutcome(file: string): Promise<Outcome> {
  const text = await readFile(file, 'utf8').catch(() => JSON.stringify(NOTHING));
  return JSON.parse(text) as Outcome;
}

function verdict(step: Step, outcome: Outcome): string {
  if (step.isSuite) return counts(outcome);
  return outcome.failed === 0 ? 'ok' : 'failed';
}

function counts({ passed, failed, skipped }: Pick<Outcome, 'passed' | 'failed' | 'skipped'>): string {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** Line by line, so that nothing of another step comes in between. */
function printLines(output: Readable, prefix: string): void {
  createInterface({ input: output }).on('line', (line) => print(`${prefix}${line}`));
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

await main();
