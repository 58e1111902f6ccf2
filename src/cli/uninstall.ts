import { Command } from 'commander';
import { RUN_FLAGS } from '../app/flags/register.ts';
import { stateDirectoryOf } from '../app/run-options.ts';
import { flagValues, withFlags } from './flag-options.ts';
import { print } from './print.ts';

/** The row of `sluice run`: where it kept its state. */
const FLAGS = { stateDirectory: RUN_FLAGS.program.flags.stateDirectory };

/** `sluice uninstall`: takes away what Sluice has put on the machine; a sysctl that it has set stays. */
export function uninstallCommand(): Command {
  return withFlags(new Command('uninstall'), FLAGS).action(async (_: unknown, command: Command) => {
    const { stateDirectory } = flagValues(command, FLAGS, process.env);
    const { uninstall } = await import('../app/uninstall.ts');
    const removed = await uninstall(stateDirectoryOf(stateDirectory));
    const lines =
      removed.length === 0 ? ['Nothing of Sluice was on this machine.'] : removed.map((what) => `Removed ${what}.`);
    print(`${lines.join('\n')}\n`);
  });
}
