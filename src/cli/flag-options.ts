import { Command, InvalidArgumentError, Option, type Help } from 'commander';
import {
  environmentNameOf,
  nameOfFlag,
  UsageMistake,
  type Flag,
  type FlagGroup,
  type ValuesOf,
} from '../app/flags/flag.ts';
import { RUN_FLAGS, type RunFlags } from '../app/flags/register.ts';
import type { RoleName } from '../app/role.ts';
import { Fault } from '../lib/fault.ts';

/** The register of flags as options of commander, and what was given, read. */

type Environment = Readonly<Record<string, string | undefined>>;

/** Adds the flags of a group to a command. */
export function withFlags(command: Command, group: FlagGroup, heading?: string): Command {
  for (const row of Object.values(group)) {
    const made = optionOf(row);
    command.addOption(heading === undefined ? made : made.helpGroup(`${heading}:`));
  }
  return command.configureHelp(HELP);
}

/** Adds every flag of `sluice run` of which `isWanted`. */
export function withRunFlags(command: Command, isWanted: (row: Flag<unknown>) => boolean = () => true): Command {
  for (const { heading, flags } of Object.values(RUN_FLAGS)) {
    const rows = Object.entries<Flag<unknown>>(flags).filter(([, row]) => isWanted(row));
    withFlags(command, Object.fromEntries(rows), heading);
  }
  return command;
}

function optionOf(row: Flag<unknown>): Option {
  const made = new Option(row.flag, `${row.help}${variableText(row)}`).argParser(
    // A switch has nothing to read but that it was given.
    (text: string | undefined) => readArgument(row, text ?? 'true'),
  );
  // Never a default of commander's: what was not given may still stand in the environment.
  return row.defaultText === undefined ? made : made.default(undefined, row.defaultText);
}

/** Where the name of the variable does not follow from that of the flag. */
function variableText({ environment }: Flag<unknown>): string {
  return environment === undefined ? '' : `; in the environment: ${environment}`;
}

function readArgument(row: Flag<unknown>, text: string): unknown {
  try {
    return row.read(text);
  } catch (thrown) {
    if (thrown instanceof UsageMistake) throw new InvalidArgumentError(thrown.message);
    throw thrown;
  }
}

/** How an option is described: with its default in words, which may depend on other things. */
const HELP: Partial<Help> = {
  optionDescription: ({ description, defaultValueDescription }) =>
    defaultValueDescription === undefined ? description : `${description} (default: ${defaultValueDescription})`,
};

/**
 * What a parsed command was given of a group: on the command line, else in the environment, else the default.
 *
 * @throws Fault `usage` for a variable of the environment that says nothing
 */
export function flagValues<Group extends FlagGroup>(
  command: Command,
  group: Group,
  environment: Environment,
): ValuesOf<Group> {
  const values = Object.entries(group).map(([key, row]) => [key, valueOf(command, row, environment)] as const);
  // The entries are those of the group, whose types these are.
  return Object.fromEntries(values) as ValuesOf<Group>;
}

/** The same for every flag of `sluice run`. */
export function runFlagValues(command: Command, environment: Environment): RunFlags {
  const places = Object.entries(RUN_FLAGS).map(
    ([place, { flags }]) => [place, flagValues<FlagGroup>(command, flags, environment)] as const,
  );
  // The entries are those of the register, whose types these are.
  return Object.fromEntries(places) as unknown as RunFlags;
}

/** What `sluice run` with these words is given, whatever the environment says. */
export function parseRunFlags(words: readonly string[]): RunFlags {
  const command = withRunFlags(new Command().exitOverride()).parse([...words], { from: 'user' });
  return runFlagValues(command, {});
}

function valueOf(command: Command, row: Flag<unknown>, environment: Environment): unknown {
  if (isGiven(command, row)) return command.getOptionValue(attributeOf(row));
  if (command.options.every(({ long }) => long !== nameOfFlag(row))) return row.default;
  const name = environmentNameOf(row);
  const text = environment[name] ?? '';
  return text === '' || isServiceLink(text) ? row.default : readVariable(row, name, text);
}

function readVariable(row: Flag<unknown>, name: string, text: string): unknown {
  try {
    return row.read(text);
  } catch (thrown) {
    if (!(thrown instanceof UsageMistake)) throw thrown;
    throw new Fault('usage', `${name} of the environment is "${text}", for ${nameOfFlag(row)}. ${thrown.message}`, {
      cause: thrown,
      retryable: false,
    });
  }
}

/** kubelet gives every container `SLUICE_HTTP_PORT=tcp://10.96.0.10:80` where a Service beside it is called sluice-http. */
function isServiceLink(text: string): boolean {
  return /^(?:tcp|udp|sctp):\/\//.test(text);
}

/**
 * @throws Fault `usage` for flags on the command line that nobody looks at: of a role that is left out by name, or for another source. In
 * the environment they may stand, which several processes share.
 */
export function refuseIdleFlags(command: Command, { program, source }: RunFlags): void {
  const rows = Object.values(RUN_FLAGS).flatMap(({ flags }) => Object.values<Flag<unknown>>(flags));
  const given = rows.filter((row) => isGiven(command, row));
  if (program.roles !== undefined) refuseOfOtherRoles(given, program.roles);
  const kind = source.manifests === undefined ? 'cluster' : 'manifests';
  const other = given.find((row) => row.source !== undefined && row.source.kind !== kind);
  if (other?.source === undefined) return;
  const what = other.source.kind === 'manifests' ? 'a folder of manifests' : 'an API server';
  throw usageFault(`${nameOfFlag(other)} is for ${what}: ${other.source.otherwise}`);
}

function refuseOfOtherRoles(given: readonly Flag<unknown>[], roles: ReadonlySet<RoleName>): void {
  for (const [role, idle] of Map.groupBy(given, (row) => row.role)) {
    if (role === undefined || roles.has(role)) continue;
    const names = idle.map(nameOfFlag).join(', ');
    throw usageFault(
      `only the role ${role} looks at ${names}: write --role ${[role, ...roles].join(',')}, or leave out what is for that role`,
    );
  }
}

function isGiven(command: Command, row: Flag<unknown>): boolean {
  return command.getOptionValueSource(attributeOf(row)) === 'cli';
}

function attributeOf({ flag }: Flag<unknown>): string {
  return new Option(flag).attributeName();
}

function usageFault(message: string): Fault {
  return new Fault('usage', message, { retryable: false });
}
