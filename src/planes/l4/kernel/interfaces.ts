import { readFile } from 'node:fs/promises';

/**
 * Whether the network namespace of this process has an interface of that name; undefined where nobody can say. /sys/class/net would show
 * the namespace that /sys was mounted in, and os.networkInterfaces() has none without an address or a carrier.
 */
export async function hasInterface(name: string): Promise<boolean | undefined> {
  const listed = await readFile('/proc/self/net/dev', 'utf8').catch(() => undefined);
  return listed?.split('\n').some((line) => line.trimStart().startsWith(`${name}:`));
}
