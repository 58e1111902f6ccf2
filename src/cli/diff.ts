import { Command } from 'commander';
import type { ChangedText, DiffOptions, PlanDifference } from '../app/diff.ts';
import { option, optional } from '../app/flags/flag.ts';
import { oneOf, textOf } from '../app/flags/readers.ts';
import { compileSettingsOf, kubeconfigOf, l4SettingsOf, refuseUnwatched } from '../app/run-options.ts';
import type { RequestDifference } from '../compile/l7/answer/differences.ts';
import { Fault } from '../lib/fault.ts';
import type { FindingRow } from '../observe/views.ts';
import { flagValues, refuseIdleFlags, runFlagValues, withFlags, withRunFlags } from './flag-options.ts';
import { print } from './print.ts';

const EXAMPLES = `Examples:
  sluice diff -f new.yaml ./manifests
  sluice diff -f new.yaml --kubeconfig ~/.kube/config
  kubectl kustomize ./overlay | sluice diff -f - --context production
`;

/** Exit status where something changes. */
const EXIT_CHANGES = 3;

const FLAGS = {
  file: optional({
    flag: '-f, --filename <file>',
    help: 'the objects that would be applied; - is standard input',
    read: textOf,
  }),
  output: option({
    flag: '-o, --output <text|json>',
    help: 'how the changes are written',
    read: oneOf('text', 'json'),
    default: 'text',
  }),
};

/** `sluice diff`: what would change for requests, before anything is applied. */
export function diffCommand(): Command {
  const command = new Command('diff').addHelpText('before', EXAMPLES).argument('[dir]', 'folder of manifests');
  withFlags(command, FLAGS);
  return withRunFlags(command, ({ isChecked }) => isChecked === true).action(
    async (directory: string | undefined, _: unknown, parsed: Command) => {
      const { file, output } = flagValues(parsed, FLAGS, {});
      if (file === undefined) throw usageFault('say what would be applied: -f FILE, or -f - for standard input');
      const flags = runFlagValues(parsed, process.env);
      refuseIdleFlags(parsed, { ...flags, source: { ...flags.source, manifests: directory } });
      const optionsFor = (kind: 'manifests' | 'cluster'): DiffOptions => ({
        settings: { ...compileSettingsOf(flags, kind), l4: l4SettingsOf(flags) },
        onWait: reportWait,
        file,
      });
      const { diffCluster, diffFolder } = await import('../app/diff.ts');
      const kubeconfig = kubeconfigOf(flags.source);
      let difference: PlanDifference;
      if (directory !== undefined) {
        if (parsed.getOptionValueSource('kubeconfig') === 'cli') throw unclearSource();
        difference = await diffFolder(directory, optionsFor('manifests'));
      } else {
        if (kubeconfig === undefined) throw unclearSource();
        refuseUnwatched(flags);
        difference = await diffCluster(kubeconfig, flags.source, optionsFor('cluster'));
      }
      print(output === 'json' ? `${JSON.stringify(difference, undefined, 2)}\n` : differenceText(difference));
      if (!isNothing(difference)) process.exitCode = EXIT_CHANGES;
    },
  );
}

function unclearSource(): Fault {
  return usageFault('give either a folder of manifests or --kubeconfig FILE');
}

function usageFault(message: string): Fault {
  return new Fault('usage', message, { retryable: false });
}

/** Not on standard output, which is data. */
function reportWait(what: string): void {
  process.stderr.write(`Waiting a minute at most: ${what}\n`);
}

function isNothing({ requests, certificates, addresses, findings }: PlanDifference): boolean {
  return requests.length + certificates.length + addresses.length + findings.new.length + findings.gone.length === 0;
}

/** The changes as people read them. */
export function differenceText(difference: PlanDifference): string {
  if (isNothing(difference)) return 'Nothing changes.\n';
  const { requests, certificates, addresses, findings } = difference;
  return [
    ...requests.map(requestText),
    ...certificates.map((changed) => changedText('certificate of', changed)),
    ...addresses.map((changed) => changedText('addresses of Service', changed)),
    ...findings.new.map((row) => findingText('+', row)),
    ...findings.gone.map((row) => findingText('-', row)),
  ].join('');
}

function requestText({ host, schemes, path, condition, examples, before, after, owners }: RequestDifference): string {
  const scheme = schemes.length === 1 ? ` over ${String(schemes[0]).toUpperCase()}` : '';
  const where = [host, path, condition].filter((part) => part !== '').join('  ');
  const who = owners.length === 0 ? '' : `    by ${owners.join(', ')}\n`;
  return `${where}${scheme}, such as ${examples.join(' ')}\n  - ${before}\n  + ${after}\n${who}`;
}

function changedText(what: string, { name, before, after }: ChangedText): string {
  const lines = [before === '' ? '' : `  - ${before}\n`, after === '' ? '' : `  + ${after}\n`];
  return `${what} ${name}\n${lines.join('')}`;
}

function findingText(sign: '+' | '-', { severity, code, kind, object, field, message, remedy }: FindingRow): string {
  const help = sign === '+' ? `    ${remedy}\n` : '';
  return `${sign} ${severity} ${code} ${kind} ${object} ${field}: ${message}\n${help}`;
}
