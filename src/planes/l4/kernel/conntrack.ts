import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join } from 'node:path';
import { Fault, messageOf } from '../../../lib/fault.ts';
import { invariant } from '../../../lib/invariant.ts';
import type { Family } from '../rules/names.ts';
import { findProgram, runProgram, type ProgramInput } from './run-program.ts';

/** What flows are looked at: all of UDP; of TCP the connects that nobody has answered yet. */
export type FlowProtocol = 'udp' | 'tcp';

/** One flow that the kernel tracks. The reply's source is what answers: where a flow was translated, its endpoint. */
export interface Flow {
  readonly protocol: FlowProtocol;
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
  readonly replySource: string;
  readonly replySourcePort: number;
}

/** All flows to one destination that one endpoint answers. */
export type FlowPath = Omit<Flow, 'source' | 'sourcePort'>;

/** How often a deletion is begun again because a flow ended by itself while conntrack went through them. */
const ATTEMPTS = 5;

/** conntrack reads the whole table for every path, some 40 ms for 20,000 entries. */
const LIMIT_MS = 120_000;

/** What `conntrack -f` calls the families. */
const FAMILY_NAMES: Readonly<Record<Family, string>> = { 4: 'ipv4', 6: 'ipv6' };

/** What the plane needs of {@link Conntrack}. */
export type FlowDriver = Pick<Conntrack, 'list' | 'delete'>;

/** Selects the flows of a protocol that {@link FlowProtocol} is about. */
const SELECTIONS: Readonly<Record<FlowProtocol, readonly string[]>> = {
  udp: ['-p', 'udp'],
  tcp: ['-p', 'tcp', '--state', 'SYN_SENT'],
};

/**
 * The flows of the network namespace of this process, through conntrack(8).
 *
 * @throws Fault from every call: `conntrack-missing` when the machine has no such program, `conntrack-failed` when it fails.
 */
export class Conntrack {
  readonly #folder: string;

  /** `folder` is there, and may be written to: what goes to conntrack lies in it for a moment. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** The flows of a protocol and family. */
  async list(protocol: FlowProtocol, family: Family): Promise<readonly Flow[]> {
    const flows: Flow[] = [];
    await run(['-L', ...SELECTIONS[protocol], '-f', FAMILY_NAMES[family]], {
      onLine: (line) => {
        const flow = decodeFlow(line);
        if (flow !== undefined) flows.push(flow);
      },
    });
    return flows;
  }

  /**
   * Deletes all flows on each of these paths, whoever sent them; such as are gone already are no matter.
   *
   * By path and not one by one, because conntrack goes through the whole table for each line that it is given.
   */
  async delete(paths: Iterable<FlowPath>): Promise<void> {
    const lines = new Set([...paths].map(deletion));
    if (lines.size === 0) return;
    // A file, because conntrack opens /dev/stdin by its name, which it can not where that is a socket, as Node makes it.
    const folder = await onDisk(() => mkdtemp(join(this.#folder, 'conntrack-')));
    try {
      const file = join(folder, 'deletions');
      await onDisk(() => writeFile(file, `${[...lines].join('\n')}\n`));
      await runUntilUndisturbed(['-R', file]);
    } finally {
      await onDisk(() => rm(folder, { recursive: true }));
    }
  }
}

async function onDisk<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    throw new Fault('conntrack-failed', `conntrack can not be told what to delete: ${messageOf(cause)}`, { cause });
  }
}

/** Begins again when a flow timed out between its listing and its deletion, which ends the whole run. */
async function runUntilUndisturbed(args: readonly string[]): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await run(args, { onLine: () => undefined });
      return;
    } catch (thrown) {
      if (attempt === ATTEMPTS || !messageOf(thrown).includes("doesn't exist")) throw thrown;
    }
  }
}

async function run(args: readonly string[], input: ProgramInput): Promise<void> {
  const program = await findProgram('conntrack');
  if (program === undefined) {
    const message = 'conntrack is not installed (package conntrack; elsewhere conntrack-tools)';
    throw new Fault('conntrack-missing', message, { retryable: false });
  }
  const { status, stderr } = await runProgram(program, args, { ...input, limitMs: LIMIT_MS });
  // With a file it ends with status 0 even where a line of it has failed.
  const complaint = stderr.split('\n').find((line) => /failed|error/i.test(line));
  if (status === 0 && complaint === undefined) return;
  throw new Fault('conntrack-failed', complaint ?? `conntrack ended with status ${String(status)}: ${stderr.trim()}`);
}

const FIELD = /\b(src|dst|sport|dport)=(\S+)/g;

/**
 * Reads a line of `conntrack -L`, where the fields of the original direction stand before those of the reply:
 * `udp 17 29 src=10.0.0.1 dst=10.96.0.10 sport=40001 dport=53 [UNREPLIED] src=10.1.0.5 dst=10.0.0.1 sport=5353 dport=40001 …`.
 * Undefined when it is none.
 */
export function decodeFlow(line: string): Flow | undefined {
  const protocol = line.startsWith('udp ') ? 'udp' : line.startsWith('tcp ') ? 'tcp' : undefined;
  if (protocol === undefined) return undefined;
  const fields = [...line.matchAll(FIELD)];
  const values = (name: string): readonly string[] =>
    fields.filter(([, each]) => each === name).map(([, , value]) => value ?? '');
  const [source, replySource] = values('src');
  const [destination] = values('dst');
  const [sourcePort, replySourcePort] = values('sport');
  const [destinationPort] = values('dport');
  if (source === undefined || replySource === undefined || destination === undefined) return undefined;
  if (sourcePort === undefined || replySourcePort === undefined || destinationPort === undefined) return undefined;
  return {
    protocol,
    source,
    sourcePort: Number(sourcePort),
    destination,
    destinationPort: Number(destinationPort),
    replySource,
    replySourcePort: Number(replySourcePort),
  };
}

const ADDRESS = /^[\da-f.:]+$/i;

function deletion({ protocol, destination, destinationPort, replySource, replySourcePort }: FlowPath): string {
  for (const address of [destination, replySource]) invariant(ADDRESS.test(address), `${address} is no address`);
  const family = FAMILY_NAMES[isIPv4(destination) ? 4 : 6];
  const original = `--orig-dst ${destination} --orig-port-dst ${String(destinationPort)}`;
  const reply = `--reply-src ${replySource} --reply-port-src ${String(replySourcePort)}`;
  return `-D -f ${family} ${SELECTIONS[protocol].join(' ')} ${original} ${reply}`;
}
