import { percentile, type Row } from '../report.ts';
import type { Targets } from './lanes.ts';
import type { Namespace } from './namespace.ts';
import { measureConnects, measureThroughput, type ConnectSample } from './traffic.ts';

/** A way from the client to the server. */
export interface Way {
  readonly name: string;
  readonly targets: Targets;
  /** Whether it is what the others are compared with. */
  readonly isBase?: boolean;
}

/** Many short rounds, in each of which every way has its turn: so that a machine whose speed drifts is fair to all. */
const ROUNDS = 60;
const CONNECTS = 500;
/** One flow, in every so-manieth round. */
const FLOW_SECONDS = 0.1;
const ROUNDS_PER_FLOW = 4;
/** On a busy machine there are fewer rounds. */
const LIMIT_MS = 30_000;

export const CONNECT_HEADINGS: Row = [
  'Services × 10 endpoints',
  'way',
  'connect p50',
  'ratio',
  'connect p99',
  'connects/s',
  'ratio',
  'one flow',
  'ratio',
];

interface Samples {
  readonly way: Way;
  readonly connects: ConnectSample[];
  readonly flows: number[];
}

/** A row for each way: medians over the rounds, and their ratios to those of the base. */
export async function measureWays(
  program: string,
  client: Namespace,
  services: number,
  ways: readonly Way[],
): Promise<readonly Row[]> {
  const samples = ways.map((way): Samples => ({ way, connects: [], flows: [] }));
  const endMs = performance.now() + LIMIT_MS;
  for (let round = 0; round < ROUNDS && performance.now() < endMs; round += 1) {
    for (const { way, connects } of samples)
      connects.push(await measureConnects(program, client, way.targets, CONNECTS));
    if (round % ROUNDS_PER_FLOW !== 0) continue;
    for (const { way, flows } of samples)
      flows.push(await measureThroughput(program, client, way.targets, FLOW_SECONDS));
  }
  const base = samples.find(({ way }) => way.isBase === true) ?? samples[0];
  if (base === undefined) return [];
  return samples.map((measured) => rowOf(services, measured, base));
}

function rowOf(services: number, measured: Samples, base: Samples): Row {
  const ratio = (of: (samples: Samples) => number): string => (of(measured) / of(base)).toFixed(2);
  return [
    services.toLocaleString('en'),
    measured.way.name,
    `${p50Us(measured).toFixed(1)} µs`,
    ratio(p50Us),
    `${p99Us(measured).toFixed(0)} µs`,
    Math.round(connectsPerSecond(measured)).toLocaleString('en'),
    ratio(connectsPerSecond),
    `${gigabits(measured).toFixed(1)} Gbit/s`,
    ratio(gigabits),
  ];
}

function p50Us({ connects }: Samples): number {
  return median(connects.map((sample) => sample.p50Us));
}

function p99Us({ connects }: Samples): number {
  return median(connects.map((sample) => sample.p99Us));
}

function connectsPerSecond({ connects }: Samples): number {
  return median(connects.map((sample) => sample.connectsPerSecond));
}

function gigabits({ flows }: Samples): number {
  return median(flows);
}

function median(samples: readonly number[]): number {
  return percentile(samples, 0.5);
}
