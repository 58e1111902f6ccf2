import { Command } from 'commander';
import { uninstall } from '../app/uninstall.ts';
import { print } from './print.ts';
import { stateDirectoryOf } from './run.ts';

/** `sluice uninstall`: takes away what Sluice has put on the machine; a sysctl that it has set stays. */
export function uninstallCommand(): Command {
  return new Command('uninstall')
    .description('Remove everything of Sluice from this machine: kernel tables, a HAProxy left behind, kept state.')
    .option('--state-dir <dir>', 'where the state was kept (default: as for "sluice run")')
    .action(async (flags: { readonly stateDir?: string }) => {
      const removed = await uninstall(stateDirectoryOf(flags.stateDir));
      const lines =
        removed.length === 0 ? ['Nothing of Sluice was on this machine.'] : removed.map((what) => `Removed ${what}.`);
      print(`${lines.join('\n')}\n`);
    });
}
