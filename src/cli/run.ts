import { Command } from 'commander';
import { endOnceWritten } from '../app/ending.ts';
import { readArguments, type ReadArguments } from '../app/ingress-nginx/arguments.ts';
import { runOptionsOf } from '../app/run-options.ts';
import { Fault } from '../lib/fault.ts';
import { refuseIdleFlags, runFlagValues, withRunFlags } from './flag-options.ts';

const EXAMPLES = `Examples:
  sluice run --manifests ./manifests
  sluice run --manifests ./manifests --http-port 80 --https-port 443
  sluice run --kubeconfig ~/.kube/config --publish-status-address 192.0.2.10
  sluice run                                     in a pod, as its ServiceAccount
  sluice run --role node --cluster-cidr 10.244.0.0/16 --takeover      in place of kube-proxy
  sluice run --as-ingress-nginx -- --publish-service=ns/name          in place of ingress-nginx, with its arguments
`;

const ENVIRONMENT = `
Every option may be given in the environment instead: SLUICE_HTTP_PORT=80 is --http-port 80, SLUICE_TAKEOVER=true is --takeover.
`;

/** `sluice run`. */
export function runCommand(): Command {
  return withRunFlags(new Command('run'))
    .argument('[arguments...]', 'of ingress-nginx, behind -- and with --as-ingress-nginx')
    .addHelpText('before', EXAMPLES)
    .addHelpText('after', ENVIRONMENT)
    .action(async (words: readonly string[], _: unknown, command: Command) => {
      const replaced = readArguments(words);
      // Before what the environment says of the same: it is part of the command line.
      const flags = runFlagValues(command, { ...process.env, ...replaced.environment });
      if (words.length > 0 && !flags.ingressNginx.isOn)
        throw usageFault(
          `"${words.join(' ')}" is for nobody: the arguments of an ingress-nginx need --as-ingress-nginx`,
        );
      refuseUnserved(replaced);
      refuseIdleFlags(command, flags);
      const options = runOptionsOf(flags, replaced.arguments);
      // Not for the help and what is wrong with flags: it takes most of the time.
      const { startProgram } = await import('../app/start.ts');
      try {
        await startProgram(options, () => {});
      } finally {
        endOnceWritten();
      }
    });
}

/** All of them at once: whoever moves does not want to find them one by one. */
function refuseUnserved({ arguments: read }: ReadArguments): void {
  const refused = read.filter(({ verdict }) => verdict === 'refused');
  if (refused.length === 0) return;
  const lines = refused.map(({ argument, text }) => `\n  ${argument}: ${text}`);
  throw usageFault(`of the arguments of ingress-nginx, ${String(refused.length)} cannot be served:${lines.join('')}`);
}

function usageFault(message: string): Fault {
  return new Fault('usage', message, { retryable: false });
}
