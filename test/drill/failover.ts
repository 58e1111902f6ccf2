/**
 * How long a client gets no answer from an address while its node dies, hangs, is cut off, is drained or is upgraded, measured in network
 * namespaces with `sluice run --manifests` and keepalived: `make drill`, or `node test/drill/failover.ts --trials 50 --addresses 1,1000`.
 */
import { loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { NODES } from '../netns/topology.ts';
import { DrillLab } from './drill-lab.ts';
import { EVENTS, tryOut, type DrillEvent, type Trial } from './events.ts';

const { values } = parseArgs({
  options: {
    trials: { type: 'string', default: '50' },
    addresses: { type: 'string', default: '1,1000' },
    /** Only events whose name contains this. */
    only: { type: 'string', default: '' },
  },
});
const trials = Number(values.trials);
const events = EVENTS.filter(({ name }) => name.includes(values.only));

const HEAD = `| What happens to the node | p50 | p99 | max | goal | failed twice | all moved: p50, max | load | repeated |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
`;

/** A client that asks every 10 ms and did not for so long was kept from it by the machine, in milliseconds: the trial is repeated. */
const MOST_STALL_MS = 40;

/** MetalLB 0.16 with three nodes, from its own timers: memberlist misses a node, waits for what others suspect, and then all Services are looked at. */
const METALLB = '4500 to 6500 ms by construction (memberlist: probe each 1 s, then 4 s of suspicion)';

async function main(): Promise<void> {
  let missed = 0;
  for (const count of values.addresses.split(',').map(Number)) {
    const today = new Date().toISOString().slice(0, 10);
    process.stdout.write(
      `\n${today}, addresses: ${String(count)}, trials: ${String(trials)}, advertisements every 50 ms\n\n${HEAD}`,
    );
    const lab = await DrillLab.create(count);
    try {
      for (const event of events) missed += await drill(lab, event);
    } finally {
      await lab.remove();
    }
    process.stdout.write(`| MetalLB 0.16, a node that dies | ${METALLB} | | | | | | | |\n`);
  }
  if (missed > 0) process.stdout.write(`\n${String(missed)} goals are missed\n`);
  process.exitCode = missed > 0 ? 1 : 0;
}

/** Prints a line. Returns how many goals were missed. */
async function drill(lab: DrillLab, event: DrillEvent): Promise<number> {
  const results: Trial[] = [];
  const loads: number[] = [];
  let disturbed = 0;
  while (results.length < trials) {
    loads.push(loadavg()[0] ?? 0);
    const trial = await tryOut(lab, event, NODES[results.length % NODES.length] ?? 'node-a');
    // What stands still for others stands still for the client: such a trial measures the machine.
    if (trial.stallMs > MOST_STALL_MS && disturbed < trials) disturbed += 1;
    else results.push(trial);
  }
  const gaps = results.map(({ gapMs }) => gapMs).sort((a, b) => a - b);
  const failed = results.reduce((sum, result) => sum + result.failed, 0);
  const moved = results.map((result) => result.movedMs ?? result.singleMs ?? 0).sort((a, b) => a - b);
  const slowest = moved.at(-1) ?? 0;
  const p99 = at(gaps, 0.99);
  const isMissed = [
    p99 > event.goalMs,
    event.isPlanned && failed > 0,
    slowest > (event.name.includes('heals') ? 250 : 500),
  ];
  const cells = [
    event.name,
    ms(at(gaps, 0.5)),
    ms(p99),
    ms(at(gaps, 1)),
    `${String(event.goalMs)} ms${isMissed[0] ? ' MISSED' : ''}`,
    String(failed),
    `${ms(at(moved, 0.5))}, ${ms(slowest)}`,
    `${Math.min(...loads).toFixed(0)} to ${Math.max(...loads).toFixed(0)}`,
    String(disturbed),
  ];
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
  return isMissed.filter(Boolean).length;
}

function at(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

function ms(value: number): string {
  return `${value.toFixed(0)} ms`;
}

await main();
