import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, messageOf } from '../../lib/fault.ts';
import { clientFor, readCluster, readFolder, type CheckOptions } from '../check.ts';
import type { RunFlags } from '../flags/register.ts';
import { readArguments } from '../ingress-nginx/arguments.ts';
import type { KubeconfigChoice } from '../options.ts';
import { compileSettingsOf } from '../run-options.ts';
import { nginxWorkloads, writtenInCluster, writtenInFolder, type WrittenObject } from './inputs.ts';
import { migrationOf } from './migrate.ts';
import type { MigrationReport } from './report.ts';

/** The flags of the command line, and behind them what the arguments of the controller say, as variables of the environment. */
export type FlagsWith = (environment: Readonly<Record<string, string>>) => RunFlags;

/** What moving means for the objects of a folder. @throws Fault when it or the log cannot be read */
export async function migrateFolder(
  directory: string,
  flagsWith: FlagsWith,
  accessLog: string | undefined,
): Promise<MigrationReport> {
  // First, so that a folder that cannot be read is reported as by other commands.
  const options = (flags: RunFlags): CheckOptions => ({ settings: compileSettingsOf(flags, 'manifests'), onWait });
  await readFolder(directory, options(flagsWith({})));
  const objects = writtenInFolder(directory);
  const { settings } = options(flagsWith(environmentOf(objects)));
  const { snapshot } = await readFolder(directory, { settings, onWait });
  return migrationOf({ snapshot, objects, settings, accessLog });
}

/** The same for what an API server has. @throws Fault when it does not answer in time */
export async function migrateCluster(
  kubeconfig: KubeconfigChoice,
  flagsWith: FlagsWith,
  accessLog: string | undefined,
): Promise<MigrationReport> {
  const client = await clientFor(kubeconfig);
  try {
    const objects = await writtenInCluster(client, flagsWith({}).source.namespaces);
    const flags = flagsWith(environmentOf(objects));
    const settings = compileSettingsOf(flags, 'cluster');
    const { snapshot } = await readCluster(client, flags.source, { settings, onWait });
    return await migrationOf({ snapshot, objects, settings, accessLog });
  } finally {
    client.close();
  }
}

/** Of the first workload: a second one is another installation, which is to be looked at on its own. */
function environmentOf(objects: readonly WrittenObject[]): Readonly<Record<string, string>> {
  const [first] = nginxWorkloads(objects);
  return first === undefined ? {} : readArguments(first.arguments).environment;
}

/** Not on standard output, which is data. */
function onWait(what: string): void {
  process.stderr.write(`Waiting a minute at most: ${what}\n`);
}

/** Writes a file for each object that has a patch, for `kubectl patch --type=merge --patch-file`. @throws Fault where the folder cannot be written to */
export async function writePatches(folder: string, { objects }: MigrationReport): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
    for (const { kind, object, patch } of objects) {
      if (patch === undefined) continue;
      const name = `${kind.toLowerCase()}.${object.replace('/', '.')}.json`;
      await writeFile(join(folder, name), `${JSON.stringify(patch, undefined, 2)}\n`);
    }
  } catch (cause) {
    throw new Fault('patches', `cannot write to ${folder}: ${messageOf(cause)}`, { cause, retryable: false });
  }
}
