/**
 * Runs the conformance suite of Gateway API against a cluster in which Sluice serves, and keeps its report in `docs/conformance`.
 *
 *   KUBECONFIG=FILE node test/conformance/conformance.ts [--profiles P,...] [--usable-address IP] [--unusable-address IP] [--run-test NAME]
 *
 * Asked is what the GatewayClass says that it can do, with the times that the suite gives by default. A report is kept of a whole run alone.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { parse } from 'yaml';
import { clusterAssets } from '../cluster/assets.ts';
import { conformanceSuite, SUITE_VERSION } from './suite.ts';

const REPORTS = join(import.meta.dirname, '..', '..', 'docs', 'conformance');
const CLASS = 'sluice';

const { values } = parseArgs({
  options: {
    profiles: { type: 'string', default: 'GATEWAY-HTTP' },
    'usable-address': { type: 'string' },
    'unusable-address': { type: 'string' },
    'run-test': { type: 'string' },
  },
});

try {
  process.exitCode = await main();
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  process.exitCode = 1;
}

async function main(): Promise<number> {
  if ((process.env['KUBECONFIG'] ?? '') === '')
    throw new Error(
      'Set KUBECONFIG to a cluster with nodes, in which Sluice serves with --gateway-api, and whose Services of type LoadBalancer this machine reaches: docs/howto/run-in-a-cluster.md, and deploy/gateway-api.yaml for the GatewayClass.',
    );
  const report = (line: string): void => void process.stderr.write(`${line}\n`);
  const { program, crds } = await conformanceSuite(report);
  const { kubectl } = await clusterAssets({ report });
  for (const file of crds) await run(kubectl, ['apply', '--server-side', '--force-conflicts', '-f', file]);
  await waitForClass(kubectl);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-conformance-'));
  try {
    const written = join(folder, 'report.yaml');
    const status = await runSuite(program, written);
    const text = await readFile(written, 'utf8').catch(() => undefined);
    if (text !== undefined && values['run-test'] === undefined) await keep(text);
    return status;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** It may take a moment until Sluice has noticed that there is such a kind now. */
async function waitForClass(kubectl: string): Promise<void> {
  const condition = ['--for=condition=Accepted', `gatewayclass/${CLASS}`, '--timeout=60s'];
  await run(kubectl, ['wait', ...condition]).catch((cause: unknown) => {
    throw new Error(
      `GatewayClass ${CLASS} is not accepted: apply deploy/gateway-api.yaml, and run Sluice with --gateway-api`,
      { cause },
    );
  });
}

async function run(command: string, args: readonly string[]): Promise<void> {
  await promisify(execFile)(command, args);
}

function runSuite(program: string, report: string): Promise<number> {
  const given = Object.entries({
    'usable-address': values['usable-address'],
    'unusable-address': values['unusable-address'],
    'run-test': values['run-test'],
  }).flatMap(([name, value]) => (value === undefined ? [] : [`-${name}`, value]));
  const about = {
    organization: 'sluice',
    project: 'sluice',
    url: 'https://sluice.dev',
    contact: '@sluice',
    version: 'main',
  };
  const args = [
    '-test.v',
    '-test.timeout=60m',
    '-test.run=^TestConformance$',
    `-gateway-class=${CLASS}`,
    `-conformance-profiles=${values.profiles}`,
    `-report-output=${report}`,
    ...Object.entries(about).flatMap(([name, value]) => [`-${name}`, value]),
    ...given,
  ];
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

/** What is looked at of a report. */
interface Report {
  readonly date: string;
  readonly profiles: readonly {
    readonly name: string;
    readonly core: { readonly result: string; readonly statistics: Statistics };
    readonly extended?: { readonly result: string; readonly statistics: Statistics };
  }[];
}

interface Statistics {
  readonly Passed: number;
  readonly Failed: number;
}

async function keep(text: string): Promise<void> {
  // The suite has just written it.
  const { date, profiles } = parse(text) as Report;
  const name = `gateway-api-${SUITE_VERSION}-${date.slice(0, 10)}.yaml`;
  await writeFile(join(REPORTS, name), text);
  for (const { name: profile, core, extended } of profiles) {
    const further = extended === undefined ? '' : `, extended ${extended.result} (${count(extended.statistics)})`;
    process.stdout.write(`${profile}: core ${core.result} (${count(core.statistics)})${further}\n`);
  }
  process.stdout.write(`The report is docs/conformance/${name}\n`);
}

function count({ Passed: passed, Failed: failed }: Statistics): string {
  return `${String(passed)} of ${String(passed + failed)}`;
}
