import { Command } from 'commander';
import type { MigrationReport } from '../app/migrate/report.ts';
import { option, optional } from '../app/flags/flag.ts';
import { oneOf, textOf } from '../app/flags/readers.ts';
import type { RunFlags } from '../app/flags/register.ts';
import { kubeconfigOf } from '../app/run-options.ts';
import { Fault } from '../lib/fault.ts';
import { flagValues, runFlagValues, withFlags, withRunFlags } from './flag-options.ts';
import { htmlReport } from './migrate/html.ts';
import { markdownReport } from './migrate/markdown.ts';
import { textReport } from './migrate/text.ts';
import { print } from './print.ts';

const EXAMPLES = `Examples:
  sluice migrate --from ingress-nginx ./manifests
  sluice migrate --from ingress-nginx --kubeconfig ~/.kube/config -o html > report.html
  sluice migrate --from ingress-nginx ./manifests --access-log access.log --compat strict-nginx
`;

/** Exit status when there is something to do, or to decide, before the move: that of `sluice check` when there are Findings. */
const EXIT_FINDINGS = 3;

const FLAGS = {
  from: option({
    flag: '--from <controller>',
    help: 'what serves the objects now: ingress-nginx',
    read: oneOf('ingress-nginx'),
    default: 'ingress-nginx',
  }),
  output: option({
    flag: '-o, --output <text|json|markdown|html>',
    help: 'how the report is written',
    read: oneOf('text', 'json', 'markdown', 'html'),
    default: 'text',
  }),
  accessLog: optional({
    flag: '--access-log <file>',
    help: 'access log of ingress-nginx, whose requests are replayed: in its format by default, or JSON; nothing is sent',
    read: textOf,
  }),
  patches: optional({
    flag: '--write-patches <dir>',
    help: 'folder for JSON merge patches that take out of the objects what has no effect here, one file each',
    read: textOf,
  }),
};

/** `sluice migrate`: what moving from ingress-nginx means, object by object. */
export function migrateCommand(): Command {
  const command = new Command('migrate').addHelpText('before', EXAMPLES).argument('[dir]', 'folder of manifests');
  withFlags(command, FLAGS);
  return withRunFlags(command, ({ isChecked }) => isChecked === true).action(
    async (directory: string | undefined, _: unknown, parsed: Command) => {
      const { output, accessLog, patches } = flagValues(parsed, FLAGS, {});
      // Whoever asks means its class and its controller.
      const flagsWith = (environment: Readonly<Record<string, string>>): RunFlags => {
        const flags = runFlagValues(parsed, { ...process.env, ...environment });
        return { ...flags, ingressNginx: { ...flags.ingressNginx, isOn: true } };
      };
      const { migrateFolder, migrateCluster, writePatches } = await import('../app/migrate/sources.ts');
      const isFolder = directory !== undefined;
      if (isFolder && parsed.getOptionValueSource('kubeconfig') === 'cli') throw unclearSource();
      const kubeconfig = kubeconfigOf(flagsWith({}).source);
      if (!isFolder && kubeconfig === undefined) throw unclearSource();
      const report =
        directory !== undefined
          ? await migrateFolder(directory, flagsWith, accessLog)
          : await migrateCluster(kubeconfig ?? { paths: '', context: undefined }, flagsWith, accessLog);
      if (patches !== undefined) await writePatches(patches, report);
      print(RENDERERS[output](report));
      const { isClean } = await import('../app/migrate/report.ts');
      if (!isClean(report)) process.exitCode = EXIT_FINDINGS;
    },
  );
}

const RENDERERS: Readonly<Record<'text' | 'json' | 'markdown' | 'html', (report: MigrationReport) => string>> = {
  text: textReport,
  json: (report) => `${JSON.stringify(report, undefined, 2)}\n`,
  markdown: markdownReport,
  html: htmlReport,
};

function unclearSource(): Fault {
  return new Fault('usage', 'give either a folder of manifests or --kubeconfig FILE', { retryable: false });
}
