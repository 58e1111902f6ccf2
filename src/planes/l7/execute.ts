import { Fault } from '../../lib/fault.ts';
import { outcomeOf, type Outcome } from './reply.ts';
import { partOf, printStep, type Step } from './step.ts';

/** Sends commands over one connection, and returns their answers in order. */
export type Send = (commands: readonly string[]) => Promise<readonly string[]>;

/** HAProxy did not carry out a step. */
export class RefusedFault extends Fault {
  readonly step: Step;

  constructor(step: Step, reason: string) {
    const [line = ''] = printStep(step, 'VERSION').split('\n', 1);
    super('haproxy-refused', `HAProxy refused "${line}": ${reason}`);
    this.step = step;
  }
}

/**
 * Carries out steps strictly in their order. They are sent many at a time, but never a step of the next part ({@link partOf}) before
 * all of this part is confirmed: so nothing leads to what is not there, although HAProxy refused it.
 *
 * @throws RefusedFault for the first step that HAProxy refuses: how much of what was sent together with it was carried out is not known
 */
export async function execute(steps: readonly Step[], send: Send): Promise<void> {
  let mapVersion = '';
  let batch: Step[] = [];
  const flush = async (): Promise<void> => {
    const sent = batch;
    batch = [];
    const outcomes = await outcomesOf(sent, mapVersion, send);
    sent.forEach((step, index) => {
      const outcome = outcomes[index];
      if (outcome?.kind === 'refused') throw new RefusedFault(step, outcome.reason);
      if (outcome?.kind === 'prepared') mapVersion = outcome.version;
    });
  };
  for (const step of steps) {
    const last = batch.at(-1);
    if (last !== undefined && partOf(last) !== partOf(step)) await flush();
    batch.push(step);
    // What is filled into a map needs the number of the version.
    if (step.kind === 'prepare-map') await flush();
  }
  await flush();
}

/** Sends steps together, and returns what became of each, whatever became of the others. */
export async function outcomesOf(steps: readonly Step[], mapVersion: string, send: Send): Promise<readonly Outcome[]> {
  if (steps.length === 0) return [];
  const replies = await send(steps.map((step) => printStep(step, mapVersion)));
  return steps.map((step, index) => outcomeOf(step, replies[index] ?? ''));
}
