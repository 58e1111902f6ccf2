import { Command } from 'commander';
import { endOnceWritten } from '../app/ending.ts';
import { runOptionsOf } from '../app/run-options.ts';
import { refuseIdleFlags, runFlagValues, withRunFlags } from './flag-options.ts';

const EXAMPLES = `Examples:
  sluice run --manifests ./manifests
  sluice run --manifests ./manifests --http-port 80 --https-port 443
  sluice run --kubeconfig ~/.kube/config --publish-status-address 192.0.2.10
  sluice run                                     in a pod, as its ServiceAccount
  sluice run --role node --cluster-cidr 10.244.0.0/16 --takeover      in place of kube-proxy
`;

const ENVIRONMENT = `
Every option may be given in the environment instead: SLUICE_HTTP_PORT=80 is --http-port 80, SLUICE_TAKEOVER=true is --takeover.
`;

/** `sluice run`. */
export function runCommand(): Command {
  return withRunFlags(new Command('run'))
    .addHelpText('before', EXAMPLES)
    .addHelpText('after', ENVIRONMENT)
    .action(async (_: unknown, command: Command) => {
      const flags = runFlagValues(command, process.env);
      refuseIdleFlags(command, flags);
      const options = runOptionsOf(flags);
      // Not for the help and what is wrong with flags: it takes most of the time.
      const { startProgram } = await import('../app/start.ts');
      try {
        await startProgram(options, () => {});
      } finally {
        endOnceWritten();
      }
    });
}
