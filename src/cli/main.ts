import { Command, CommanderError } from 'commander';
import { Fault } from '../lib/fault.ts';
import { programVersion } from '../app/version.ts';
import { checkCommand } from './check.ts';
import { demoCommand } from './demo.ts';
import { explainCommand } from './explain.ts';
import { getCommand } from './get.ts';
import { print } from './print.ts';
import { runCommand } from './run.ts';
import { uninstallCommand } from './uninstall.ts';

const EXAMPLES = `Examples:
  sluice run --manifests ./manifests             serve the Ingresses of a folder on ports 8080 and 8443
  sluice run --kubeconfig ~/.kube/config         the same from a Kubernetes API server
  sluice check ./manifests                       what is wrong with the objects, before anything is served
  sluice get routes                              what a running Sluice serves
  sluice explain 10.244.1.5 10.96.0.10:80        where the kernel sends a packet, and why
`;

/** Exit status of a command that could not do its work. */
const EXIT_ERROR = 1;

/** Reads the command line, runs the command, and sets the exit status: 0, 1 for errors, 3 for Findings. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('sluice')
    .description('Exposes Kubernetes services on machines you own.')
    .addHelpText('before', EXAMPLES)
    .showHelpAfterError('(sluice --help has the commands and examples)')
    .version(programVersion())
    .exitOverride();
  for (const command of sluiceCommands())
    program.addCommand(command.showHelpAfterError(`(sluice ${command.name()} --help has the options and examples)`));
  // Who writes is told by the callback of the write. Without a listener, a reader that leaves would be an uncaught error.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  try {
    await program.parseAsync([...argv]);
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      process.exitCode = thrown.exitCode;
      return;
    }
    // A Fault is told in one line; anything else is a bug, and its stack is wanted.
    if (!(thrown instanceof Fault)) throw thrown;
    process.stderr.write(`sluice: ${thrown.message}\n`);
    process.exitCode = EXIT_ERROR;
  }
}

/** Every command there is, in the order in which help and reference show them. */
export function sluiceCommands(): readonly Command[] {
  return [
    runCommand(),
    checkCommand(),
    getCommand(),
    explainCommand(),
    demoCommand(),
    uninstallCommand(),
    versionCommand(),
  ];
}

function versionCommand(): Command {
  return new Command('version').description('Print the version.').action(() => {
    print(`sluice ${programVersion()}\n`);
  });
}
