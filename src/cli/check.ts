import { Command, Option } from 'commander';
import { checkCluster, checkManifests, type CheckReport } from '../app/check.ts';
import { Fault } from '../lib/fault.ts';
import type { Finding } from '../model/finding.ts';
import { nameOf } from '../model/object.ts';
import {
  allocationOf,
  allowsLocalExternalNames,
  l4SettingsOf,
  NODE_FLAG_DEFAULTS,
  refuseBesideApiServer,
  withServiceFlags,
  type ServiceFlags,
} from './node-flags.ts';
import { print } from './print.ts';

const EXAMPLES = `Examples:
  sluice check ./manifests
  sluice check ./manifests -o json
  sluice check --kubeconfig ~/.kube/config
`;

/** Exit status when there are Findings. */
const EXIT_FINDINGS = 3;

interface CheckFlags extends ServiceFlags {
  readonly kubeconfig?: string;
  readonly ingressClass?: string;
  readonly output: 'text' | 'json';
}

/** `sluice check`: what is wrong with the objects of a folder or a cluster, without serving them. */
export function checkCommand(): Command {
  const command = new Command('check')
    .description(
      'Say what is wrong with the objects of a folder or a cluster, without serving them. Exit status 3 when something is.',
    )
    .addHelpText('before', EXAMPLES)
    .argument('[dir]', 'folder of manifests')
    .option('--kubeconfig <file>', 'look at what this API server has instead')
    .option('--ingress-class <name>', 'class that is served in any case')
    .addOption(new Option('-o, --output <format>').choices(['text', 'json']).default('text'));
  return withServiceFlags(command).action(async (directory: string | undefined, flags: CheckFlags) => {
    const report = await check(directory, flags);
    print(flags.output === 'json' ? `${JSON.stringify(report, undefined, 2)}\n` : formatReport(report));
    if (report.findings.length > 0) process.exitCode = EXIT_FINDINGS;
  });
}

function check(directory: string | undefined, flags: CheckFlags): Promise<CheckReport> {
  const { kubeconfig, ingressClass } = flags;
  const l4 = l4SettingsOf({ ...NODE_FLAG_DEFAULTS, ...flags });
  const options = {
    ingressClass,
    l4,
    allocation: allocationOf(flags),
    allowsLocalExternalNames: allowsLocalExternalNames(flags, directory !== undefined),
    onWait: tellWait,
  };
  if (directory !== undefined && kubeconfig === undefined) return checkManifests(directory, options);
  if (directory === undefined && kubeconfig !== undefined) {
    refuseBesideApiServer(flags);
    return checkCluster(kubeconfig, options);
  }
  throw new Fault('usage', 'give either a folder of manifests or --kubeconfig FILE', { retryable: false });
}

/** Not on standard output, which is data. */
function tellWait(what: string): void {
  process.stderr.write(`Waiting a minute at most: ${what}\n`);
}

function formatReport({ findings, objects, routes }: CheckReport): string {
  const lines = findings.map(({ finding, place }) => formatFinding(finding, place));
  const problems = findings.length === 0 ? 'nothing wrong' : `${String(findings.length)} found wrong`;
  return `${lines.join('')}${String(objects)} objects, ${String(routes)} routes: ${problems}\n`;
}

function formatFinding(finding: Finding, place: string): string {
  // Of a file that cannot be read as objects, place and object are the same, and the field is the line.
  const what = finding.object.kind === 'Manifest' ? '' : ` ${nameOf(finding.object)}`;
  const field = finding.object.kind === 'Manifest' || finding.field === '' ? '' : ` ${finding.field}`;
  return `${place}: ${finding.severity} ${finding.code}${what}${field}: ${finding.message}\n    ${finding.remedy}\n`;
}
