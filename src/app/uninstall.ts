import { rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Fault, messageOf } from '../lib/fault.ts';
import { findEngine, stopEngine } from '../planes/l7/process.ts';
import { Nft } from '../planes/l4/kernel/nft.ts';
import { removeSluice } from '../planes/l4/kernel/uninstall.ts';
import { NodeLock } from './node-possible.ts';
import { stateFiles } from './state-directory.ts';
import { endBgp, withdrawAddresses } from './withdrawal.ts';

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
  const found = await findEngine({ haproxy: '', stateDirectory, adminSocket: join(stateDirectory, 'admin.sock') });
  if (found.kind !== 'none' && found.pid !== undefined) {
    await stopEngine(found.pid, DRAIN_MS);
    removed.push(`HAProxy process ${String(found.pid)}`);
  }
  if (await withdrawAddresses(stateDirectory)) removed.push('keepalived and the addresses that it had');
  if (await endBgp(stateDirectory)) removed.push('BIRD and the routes that it announced');
  removed.push(...(await removeKernelTables()));
  removed.push(...(await removeState(stateDirectory)));
  return removed;
}

async function refuseBesideRunning(): Promise<void> {
  const cause = await NodeLock.whyNot();
  if (cause === undefined) return;
  const why = cause.code === 'node-lock' ? 'a Sluice programs this machine; stop it first' : cause.message;
  throw new Fault('running', `nothing is removed: ${why}`, { cause, retryable: false });
}

/** Removes our tables from the kernel, and returns which there were. @throws Fault when it may not. */
export async function removeKernelTables(): Promise<readonly string[]> {
  const nft = await Nft.openNameless();
  try {
    return await removeSluice(nft);
  } finally {
    nft.close();
  }
}

async function removeState(stateDirectory: string): Promise<readonly string[]> {
  const { ours, others } = await stateFiles(stateDirectory);
  try {
    for (const name of ours) await rm(join(stateDirectory, name), { recursive: true });
    // One that can not go is a volume's place in a container.
    if (others.length === 0 && ours.length > 0) await rmdir(stateDirectory).catch(() => undefined);
  } catch (cause) {
    throw new Fault('state-directory', `cannot remove ${stateDirectory}: ${messageOf(cause)}`, { cause });
  }
  return ours.length === 0 ? [] : [`state in ${stateDirectory}`];
}
