import { Fault } from '../../../lib/fault.ts';

/** What nft wrote to its standard error about a transaction that it did not take. */
export interface Refusal {
  /** nft's words, such as `Could not process rule: File exists`. */
  readonly message: string;
  /** The line of the transaction that nft pointed at, if it pointed at one. */
  readonly line: string | undefined;
}

/** nft refused a transaction; nothing of it was applied. */
export class NftRefusedFault extends Fault {
  /** The whole line that nft pointed at; undefined when it pointed at none. */
  readonly line: string | undefined;

  constructor({ message, line }: Refusal) {
    super('nft-refused', `nft: ${message}${line === undefined ? '' : `, at: ${cut(line)}`}`);
    this.line = line;
  }
}

const SHOWN_CHARACTERS = 200;

/** `/path/of/file:3:27-44: Error: …` of a line, `Error: …` or `netlink: Error: …` of none. */
const ERROR_LINE = /^(?:\/.*:(?<number>\d+):[\d-]+: |netlink: )?Error: (?<message>.*)$/;

const WARNING_LINE = /^(?:\/.*:\d+:[\d-]+: )?Warning: /;

/**
 * Reads the first error in what nft printed about a file; undefined when there is none. `lines` are those of the file.
 * Where a session included it, lines that say so come first.
 */
export function decodeRefusal(printed: readonly string[], lines: readonly string[]): Refusal | undefined {
  const [first] = printed;
  if (first === undefined) return undefined;
  for (const text of printed) {
    const groups = ERROR_LINE.exec(text)?.groups;
    if (groups !== undefined) return { message: groups['message'] ?? '', line: lines[Number(groups['number']) - 1] };
  }
  if (printed.some((text) => WARNING_LINE.test(text))) return undefined;
  // Such as "Operation not permitted (you must be root)", which has no form at all.
  return { message: first, line: undefined };
}

function cut(line: string): string {
  return line.length <= SHOWN_CHARACTERS ? line : `${line.slice(0, SHOWN_CHARACTERS)} …`;
}
