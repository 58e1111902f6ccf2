import { Fault } from '../../../lib/fault.ts';

/** What nft wrote to its standard error about a transaction that it did not take. */
export interface Refusal {
  /** nft's words, such as `Could not process rule: File exists`. */
  readonly message: string;
  /** The line of the transaction that nft pointed at, if it pointed at one. */
  readonly line: string | undefined;
}

/**
 * What the kernel has against a transaction, as far as others decide by it: what it names is not there, is in use, or is not for this
 * process to change.
 */
export type RefusalCause = 'missing' | 'in-use' | 'not-permitted' | 'other';

/** By the words of strerror(3) for ENOENT, EBUSY and EPERM, which nft prints as it is run here (LC_ALL=C). */
const CAUSES: readonly (readonly [words: string, cause: RefusalCause])[] = [
  ['No such file', 'missing'],
  ['resource busy', 'in-use'],
  ['not permitted', 'not-permitted'],
];

/** nft refused a transaction; nothing of it was applied. */
export class NftRefusedFault extends Fault {
  /** What decides is this, and never the message. */
  readonly refusal: RefusalCause;
  /** The whole line that nft pointed at; undefined when it pointed at none. */
  readonly line: string | undefined;

  constructor({ message, line }: Refusal) {
    super('nft-refused', `nft: ${message}${line === undefined ? '' : `, at: ${cut(line)}`}`);
    this.line = line;
    this.refusal = CAUSES.find(([words]) => message.includes(words))?.[1] ?? 'other';
  }
}

/** strerror(3) of ENOMEM and ENOBUFS. */
const SHORTAGE = /Cannot allocate memory|No buffer space available/;

/**
 * What a refusal is to those who wait for the transaction. A kernel that is short of memory says nothing about what it was given: that is
 * `kernel-memory`, of which nothing was applied either. Without a line, "no buffer space" is nft that has lost the answer of the kernel, so
 * that nobody knows (`nft-gone`).
 */
export function faultOf(refusal: Refusal): Fault {
  const { message, line } = refusal;
  const shortage = SHORTAGE.exec(message)?.[0];
  if (shortage === undefined) return new NftRefusedFault(refusal);
  const isLost = line === undefined && shortage.startsWith('No buffer');
  return isLost ? new Fault('nft-gone', `nft: ${message}`) : new Fault('kernel-memory', `nft: ${message}`);
}

/** Whether nothing of a transaction was applied because the kernel is short of memory. */
export function isShortage(thrown: unknown): thrown is Fault {
  return thrown instanceof Fault && thrown.code === 'kernel-memory';
}

const SHOWN_CHARACTERS = 200;

/** `/path/of/file:3:27-44: Error: …` or `internal:0:0-0: Error: …` of a place, `Error: …` or `netlink: Error: …` of none. */
const ERROR_LINE = /^(?:\S+:(?<number>\d+):[\d-]+: |netlink: )?Error: (?<message>.*)$/;

const WARNING_LINE = /^(?:\S+:\d+:[\d-]+: )?Warning: /;

/**
 * Reads the first error in what nft printed about a file; undefined when there is none. `lines` are those of the file.
 * Where a session included it, lines that say so come first.
 */
export function decodeRefusal(printed: readonly string[], lines: readonly string[]): Refusal | undefined {
  const hasWarning = printed.some((text) => WARNING_LINE.test(text));
  return hasWarning || printed.length === 0 ? firstError(printed, lines) : refusalOf(printed, lines);
}

/** The same of an nft that ended with an error, whether it said so or not. */
export function refusalOf(printed: readonly string[], lines: readonly string[]): Refusal {
  // Such as "Operation not permitted (you must be root)", which has no form at all.
  return firstError(printed, lines) ?? { message: printed[0] ?? 'refused without a word', line: undefined };
}

function firstError(printed: readonly string[], lines: readonly string[]): Refusal | undefined {
  for (const text of printed) {
    const groups = ERROR_LINE.exec(text)?.groups;
    if (groups !== undefined) return { message: groups['message'] ?? '', line: lines[Number(groups['number']) - 1] };
  }
  return undefined;
}

function cut(line: string): string {
  return line.length <= SHOWN_CHARACTERS ? line : `${line.slice(0, SHOWN_CHARACTERS)} …`;
}
