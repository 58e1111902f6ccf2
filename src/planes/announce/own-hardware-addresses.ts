import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { isRecord } from '../../lib/is-record.ts';

/** The Ethernet addresses of all interfaces of this machine. @throws what a failing `ip` throws */
export async function ownHardwareAddresses(enter: readonly string[]): Promise<readonly string[]> {
  const [program, ...args] = [...enter, 'ip', '-json', 'link', 'show'];
  const { stdout } = await promisify(execFile)(program, args, { maxBuffer: 1 << 26 });
  const links: unknown = JSON.parse(stdout.trim() === '' ? '[]' : stdout);
  return (Array.isArray(links) ? (links as readonly unknown[]) : []).flatMap((link) =>
    isRecord(link) && typeof link['address'] === 'string' ? [link['address']] : [],
  );
}
