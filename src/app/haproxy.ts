import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { Fault, messageOf } from '../lib/fault.ts';

/** The first version with backends at run time and the fixes to their deletion (see docs/adr). */
const MINIMUM = [3, 4, 7] as const;

const run = promisify(execFile);

/**
 * The HAProxy to drive: the one named by `--haproxy-path` or `SLUICE_HAPROXY`, else the one on PATH
 * if it is new enough, else the private one that `scripts/install-haproxy.sh` has installed.
 *
 * @throws Fault `haproxy-missing` that says what to do.
 */
export async function findHaproxy(explicit: string | undefined, environment: NodeJS.ProcessEnv): Promise<string> {
  const named = explicit ?? environment['SLUICE_HAPROXY'];
  if (named !== undefined) {
    const version = await versionOf(named);
    if (version === undefined) throw missing(`${named} is not a HAProxy that runs`);
    if (!isNewEnough(version)) throw missing(`${named} is HAProxy ${version.join('.')}`);
    return named;
  }
  for (const candidate of [...onPath(environment), privatePath(environment)]) {
    const version = await versionOf(candidate);
    if (version !== undefined && isNewEnough(version)) return candidate;
  }
  throw missing('no HAProxy on this machine is new enough');
}

function missing(problem: string): Fault {
  const message = `${problem}; Sluice needs ${MINIMUM.join('.')} or newer. Run "make setup" in the checkout, or name one with --haproxy-path.`;
  return new Fault('haproxy-missing', message, { retryable: false });
}

function onPath(environment: NodeJS.ProcessEnv): readonly string[] {
  return [...(environment['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin'].map((folder) =>
    join(folder, 'haproxy'),
  );
}

function privatePath(environment: NodeJS.ProcessEnv): string {
  const cache =
    environment['SLUICE_CACHE'] ?? join(environment['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'sluice');
  return join(cache, 'haproxy', 'current', 'usr', 'sbin', 'haproxy');
}

async function versionOf(path: string): Promise<readonly number[] | undefined> {
  try {
    await access(path, constants.X_OK);
    const { stdout } = await run(path, ['-v'], { timeout: 10_000 });
    const found = /version (\d+)\.(\d+)\.(\d+)/.exec(stdout);
    return found === null ? undefined : found.slice(1).map(Number);
  } catch (thrown) {
    // Not there or not runnable is the usual answer for most candidates; which one is said by findHaproxy.
    if (!(thrown instanceof Error)) throw new Error(messageOf(thrown), { cause: thrown });
    return undefined;
  }
}

function isNewEnough(version: readonly number[]): boolean {
  for (const [index, wanted] of MINIMUM.entries()) {
    const part = version[index] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}
