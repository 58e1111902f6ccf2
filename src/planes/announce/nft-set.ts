import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { isRecord } from '../../lib/is-record.ts';

/** The elements of a set, as nft writes them. @throws what a failing nft throws */
export async function setElements(
  enter: readonly string[],
  family: string,
  table: string,
  set: string,
): Promise<readonly unknown[]> {
  const [program, ...args] = [...enter, 'nft', '-j', 'list', 'set', family, table, set];
  const { stdout } = await promisify(execFile)(program, args, { maxBuffer: 1 << 26 });
  const answer: unknown = JSON.parse(stdout);
  const items = isRecord(answer) && Array.isArray(answer['nftables']) ? (answer['nftables'] as readonly unknown[]) : [];
  return items.flatMap((item) => {
    const found = isRecord(item) && isRecord(item['set']) ? item['set'] : {};
    return Array.isArray(found['elem']) ? (found['elem'] as readonly unknown[]) : [];
  });
}

/** Runs a program on an input. @throws Error with what it says where it fails, or cannot be started */
export async function runWith(enter: readonly string[], command: readonly string[], input: string): Promise<void> {
  const [program = '', ...args] = [...enter, ...command];
  const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  // Who ends without reading everything closes the pipe early; what it said says why.
  child.stdin.on('error', () => undefined);
  child.stdin.end(input);
  await once(child, 'close');
  if (child.exitCode !== 0) throw new Error(`${command[0] ?? ''}: ${said.trim()}`);
}
