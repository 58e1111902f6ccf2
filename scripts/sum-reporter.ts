/**
 * A reporter of vitest that writes what scripts/test.ts says last, when the suites have long scrolled by, as JSON into the file
 * that the environment names.
 */
import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node';

/** Names the file of {@link Outcome}. */
export const OUTCOME_FILE = 'SLUICE_TEST_OUTCOME';

/** What came of a suite. */
export interface Outcome {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** A line for each failed test, or file: its place, its name and what was wrong. */
  readonly failures: readonly string[];
  /** The same for those that passed only when they were tried again. */
  readonly flaky: readonly string[];
}

export default class SumReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const file = process.env[OUTCOME_FILE];
    if (file === undefined) throw new Error(`${OUTCOME_FILE} names no file`);
    writeFileSync(file, JSON.stringify(outcomeOf(modules)));
  }
}

function outcomeOf(modules: readonly TestModule[]): Outcome {
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const inState = (state: string): readonly TestCase[] => tests.filter((test) => test.result().state === state);
  const failed = inState('failed');
  const passed = inState('passed');
  // What stands outside of tests, such as a hook or an import, fails a whole file or describe block.
  const around = modules.flatMap((module) => [module, ...module.children.allSuites()]);
  const broken = around.flatMap((part) => part.errors().map((error) => `${placeOf(part)}: ${firstLine(error)}`));
  return {
    passed: passed.length,
    failed: failed.length,
    skipped: inState('skipped').length,
    failures: [...failed.map((test) => describe(test)), ...broken],
    flaky: passed.filter((test) => test.diagnostic()?.flaky === true).map((test) => describe(test)),
  };
}

function describe(test: TestCase): string {
  const [error] = test.result().errors ?? [];
  return `${placeOf(test)}: ${firstLine(error)}`;
}

function placeOf(part: TestModule | TestSuite | TestCase): string {
  return part.type === 'module' ? part.relativeModuleId : `${part.module.relativeModuleId}: ${part.fullName}`;
}

function firstLine(error: { readonly message: string } | undefined): string {
  return error?.message.split('\n', 1)[0] ?? '';
}
