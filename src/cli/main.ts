import { Command, CommanderError } from 'commander';
import { Fault } from '../lib/fault.ts';
import { programVersion } from '../app/version.ts';
import { print } from './print.ts';

const EXAMPLES = `Examples:
  sluice run --manifests ./manifests             serve the Ingresses of a folder on ports 8080 and 8443
  sluice run --kubeconfig ~/.kube/config         the same from a Kubernetes API server
  sluice check ./manifests                       what is wrong with the objects, before anything is served
  sluice get routes                              what a running Sluice serves
  sluice explain 10.244.1.5 10.96.0.10:80        where the kernel sends a packet, and why
`;

/** Exit status of a command that could not do its work. */
const EXIT_ERROR = 1;

interface CommandEntry {
  readonly name: string;
  readonly description: string;
  /** Loads the command, and what it alone needs: the whole program takes a third of a second. */
  readonly load: () => Promise<Command>;
}

/** Every command there is, in the order in which help and reference show them. */
const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'run',
    description: 'Serve the Services and Ingresses of a folder of manifests or of a Kubernetes API server.',
    load: async () => (await import('./run.ts')).runCommand(),
  },
  {
    name: 'check',
    description:
      'Say what is wrong with the objects of a folder or a cluster, without serving them. Exit status 3 when something is.',
    load: async () => (await import('./check.ts')).checkCommand(),
  },
  {
    name: 'diff',
    description:
      'Say what would change for requests if objects were applied, without applying them. Exit status 3 when something would.',
    load: async () => (await import('./diff.ts')).diffCommand(),
  },
  {
    name: 'migrate',
    description:
      'Say what moving from ingress-nginx means, object by object and, with an access log, request by request. Exit status 3 when there is something to do.',
    load: async () => (await import('./migrate.ts')).migrateCommand(),
  },
  {
    name: 'get',
    description: 'Show what a running Sluice serves.',
    load: async () => (await import('./get.ts')).getCommand(),
  },
  {
    name: 'explain',
    description: 'Say what the kernel of this node does with a new connection, and why.',
    load: async () => (await import('./explain.ts')).explainCommand(),
  },
  {
    name: 'demo',
    description: 'Serve the quick-start manifests with small demo backends, and print a URL to try.',
    load: async () => (await import('./demo.ts')).demoCommand(),
  },
  {
    name: 'uninstall',
    description: 'Remove everything of Sluice from this machine: kernel tables, a HAProxy left behind, kept state.',
    load: async () => (await import('./uninstall.ts')).uninstallCommand(),
  },
  { name: 'version', description: 'Print the version.', load: () => Promise.resolve(versionCommand()) },
];

/** Reads the command line, runs the command, and sets the exit status: 0, 1 for errors, 3 for Findings. */
export async function main(argv: readonly string[]): Promise<void> {
  const program = new Command('sluice')
    .description('Exposes Kubernetes services on machines you own.')
    .addHelpText('before', EXAMPLES)
    .showHelpAfterError('(sluice --help has the commands and examples)')
    .version(programVersion())
    .exitOverride();
  const wanted = wantedName(argv.slice(2));
  for (const entry of COMMANDS)
    program.addCommand(entry.name === wanted ? await loadCommand(entry) : unloadedCommand(entry));
  // The callback of each write learns of errors. Without a listener, a reader that leaves would be an uncaught error.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});
  try {
    await program.parseAsync([...argv]);
  } catch (thrown) {
    if (thrown instanceof CommanderError) {
      process.exitCode = thrown.exitCode;
      return;
    }
    // A Fault is reported in one line; anything else is a bug, and its stack is wanted.
    if (!(thrown instanceof Fault)) throw thrown;
    process.stderr.write(`sluice: ${thrown.message}\n`);
    process.exitCode = EXIT_ERROR;
  }
}

/** The command that the words name: the first, or the one that help is wanted of. */
function wantedName(words: readonly string[]): string | undefined {
  return words[0] === 'help' ? words[1] : words[0];
}

async function loadCommand({ name, description, load }: CommandEntry): Promise<Command> {
  const command = await load();
  return command
    .description(description)
    .showHelpAfterError(`(sluice ${name} --help has the options and examples)`)
    .exitOverride();
}

/** What help needs to know of a command that is not going to run. */
function unloadedCommand({ name, description }: CommandEntry): Command {
  return new Command(name).description(description);
}

/** Every command, loaded. */
export function sluiceCommands(): Promise<readonly Command[]> {
  return Promise.all(COMMANDS.map(loadCommand));
}

function versionCommand(): Command {
  return new Command('version').action(() => {
    print(`sluice ${programVersion()}\n`);
  });
}
