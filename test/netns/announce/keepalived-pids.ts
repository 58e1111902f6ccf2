import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Network } from '../network.ts';
import { NODES } from '../topology.ts';

/** The processes in the namespaces of the nodes that keepalived is. */
export async function keepalivedPids(network: Network): Promise<readonly number[]> {
  const listed = await Promise.all(
    NODES.map(async (node) => {
      const { stdout } = await promisify(execFile)('ip', ['netns', 'pids', `${network.prefix}${node}`]);
      return stdout.split('\n').filter((line) => line !== '');
    }),
  );
  const pids = listed.flat().map(Number);
  const names = await Promise.all(pids.map((pid) => readFile(`/proc/${String(pid)}/comm`, 'utf8').catch(() => '')));
  return pids.filter((_, index) => names[index]?.trim() === 'keepalived');
}
