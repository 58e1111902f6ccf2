import { mkdtemp, readdir, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Fault, messageOf } from '../lib/fault.ts';
import { findEngine, stopEngine } from '../planes/l7/process.ts';
import { Nft } from '../planes/l4/kernel/nft.ts';
import { removeSluice } from '../planes/l4/kernel/uninstall.ts';
import { NodeLock } from './node-possible.ts';

/** Everything that Sluice keeps in its state directory; whatever else is there is somebody else's. */
const STATE_FILES =
  /^(?:admin\.sock|current|checkpoint-[0-9a-f]{16}(?:\.tmp)?|self-signed\.pem|allocations\.json(?:\.tmp)?|haproxy\.(?:log|pid)|bin)$/;

/** How long requests may take to end, in milliseconds. */
const DRAIN_MS = 10_000;

/**
 * Removes what Sluice has left on the machine, and returns what that was, a line each. Other tables,
 * files and processes are left alone.
 *
 * @throws Fault when a Sluice is running, or the machine does not let us.
 */
export async function uninstall(stateDirectory: string): Promise<readonly string[]> {
  await refuseBesideRunning();
  const removed: string[] = [];
  const pid = await findEngine({ haproxy: '', stateDirectory, adminSocket: join(stateDirectory, 'admin.sock') });
  if (pid !== undefined) {
    await stopEngine(pid, DRAIN_MS);
    removed.push(`HAProxy process ${String(pid)}`);
  }
  removed.push(...(await removeKernelTables()));
  removed.push(...(await removeState(stateDirectory)));
  return removed;
}

async function refuseBesideRunning(): Promise<void> {
  try {
    await (await NodeLock.take()).release();
  } catch (cause) {
    if (!(cause instanceof Fault)) throw cause;
    const why = cause.code === 'node-lock' ? 'a Sluice programs this machine; stop it first' : cause.message;
    throw new Fault('running', `nothing is removed: ${why}`, { cause, retryable: false });
  }
}

/** Removes our tables from the kernel, and returns which there were. @throws Fault when it may not. */
export async function removeKernelTables(): Promise<readonly string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-uninstall-'));
  const nft = await Nft.open(folder);
  try {
    return await removeSluice(nft);
  } finally {
    nft.close();
    await rm(folder, { recursive: true });
  }
}

async function removeState(stateDirectory: string): Promise<readonly string[]> {
  const names = await readdir(stateDirectory).catch(() => []);
  const ours = names.filter((name) => STATE_FILES.test(name));
  try {
    for (const name of ours) await rm(join(stateDirectory, name), { recursive: true });
    if (ours.length === names.length && ours.length > 0) await rmdir(stateDirectory);
  } catch (cause) {
    throw new Fault('state-directory', `cannot remove ${stateDirectory}: ${messageOf(cause)}`, { cause });
  }
  return ours.length === 0 ? [] : [`state in ${stateDirectory}`];
}
