import { Command } from 'commander';
import type { CheckOptions, CheckReport } from '../app/check.ts';
import { option } from '../app/flags/flag.ts';
import { oneOf } from '../app/flags/readers.ts';
import type { RunFlags } from '../app/flags/register.ts';
import { compileSettingsOf, kubeconfigOf, l4SettingsOf, refuseUnwatched } from '../app/run-options.ts';
import { Fault } from '../lib/fault.ts';
import type { Finding } from '../model/finding.ts';
import { nameOf } from '../model/object.ts';
import { flagValues, refuseIdleFlags, runFlagValues, withFlags, withRunFlags } from './flag-options.ts';
import { print } from './print.ts';

const EXAMPLES = `Examples:
  sluice check ./manifests
  sluice check ./manifests -o json
  sluice check --kubeconfig ~/.kube/config
  sluice check --context production
`;

/** Exit status when there are Findings. */
const EXIT_FINDINGS = 3;

const OUTPUT = option({
  flag: '-o, --output <text|json>',
  help: 'how the report is written',
  read: oneOf('text', 'json'),
  default: 'text',
});

/** `sluice check`: what is wrong with the objects of a folder or a cluster, without serving them. */
export function checkCommand(): Command {
  const command = new Command('check').addHelpText('before', EXAMPLES).argument('[dir]', 'folder of manifests');
  withFlags(command, { output: OUTPUT });
  return withRunFlags(command, ({ isChecked }) => isChecked === true).action(
    async (directory: string | undefined, _: unknown, parsed: Command) => {
      const { output } = flagValues(parsed, { output: OUTPUT }, {});
      const flags = runFlagValues(parsed, process.env);
      refuseIdleFlags(parsed, { ...flags, source: { ...flags.source, manifests: directory } });
      const report = await (directory === undefined ? checkKubeconfig(flags) : checkFolder(directory, parsed, flags));
      print(output === 'json' ? `${JSON.stringify(report, undefined, 2)}\n` : formatReport(report));
      if (report.findings.length > 0) process.exitCode = EXIT_FINDINGS;
    },
  );
}

/** A folder that is named comes before an API server that the environment names. */
async function checkFolder(directory: string, command: Command, flags: RunFlags): Promise<CheckReport> {
  if (command.getOptionValueSource('kubeconfig') === 'cli') throw unclearSource();
  const { checkManifests } = await import('../app/check.ts');
  return checkManifests(directory, optionsOf(flags, 'manifests'));
}

async function checkKubeconfig(flags: RunFlags): Promise<CheckReport> {
  const kubeconfig = kubeconfigOf(flags.source);
  if (kubeconfig === undefined) throw unclearSource();
  const { checkCluster } = await import('../app/check.ts');
  refuseUnwatched(flags);
  return checkCluster(kubeconfig, flags.source, optionsOf(flags, 'cluster'));
}

function unclearSource(): Fault {
  return new Fault('usage', 'give either a folder of manifests or --kubeconfig FILE', { retryable: false });
}

function optionsOf(flags: RunFlags, kind: 'manifests' | 'cluster'): CheckOptions {
  // Whether addresses are announced at all is decided by flags that this command does not have.
  const bgp = { nodeName: '', isOnlyWay: false, published: { pool: [], className: undefined } };
  return { settings: { ...compileSettingsOf(flags, kind), l4: l4SettingsOf(flags), bgp }, onWait: reportWait };
}

/** Not on standard output, which is data. */
function reportWait(what: string): void {
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
