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

/** What joins the lines of a transaction where the whole must be one line. */
export const LINE_JOINT = '; ';

const SHOWN_CHARACTERS = 200;

/** `/path/of/file:3:27-44: Error: …` from a file, `Error: …` from a session, `netlink: Error: …` from either. */
const ERROR_LINE = /^(?:\/.*:(?<number>\d+):[\d-]+: |netlink: )?Error: (?<message>.*)$/;

/**
 * Reads the first error in what nft printed; undefined when there is none. `lines` is the transaction as it was given: joined to
 * one line for a session, where nft marks the place with carets, or as they are in a file, where it counts lines.
 */
export function decodeRefusal(printed: readonly string[], lines: readonly string[]): Refusal | undefined {
  const [first] = printed;
  if (first === undefined) return undefined;
  for (const [index, text] of printed.entries()) {
    const groups = ERROR_LINE.exec(text)?.groups;
    if (groups === undefined) continue;
    const message = groups['message'] ?? '';
    if (groups['number'] !== undefined) return { message, line: lines[Number(groups['number']) - 1] };
    return { message, line: markedLine(printed[index + 2], lines) };
  }
  if (first.startsWith('Warning: ')) return undefined;
  // Such as "Operation not permitted (you must be root)", which has no form at all.
  return { message: first, line: undefined };
}

/** The line that the first caret stands under. */
function markedLine(marks: string | undefined, lines: readonly string[]): string | undefined {
  if (marks === undefined || !/^\s*\^/.test(marks)) return undefined;
  let column = marks.indexOf('^');
  for (const line of lines) {
    column -= line.length + LINE_JOINT.length;
    if (column < 0) return line;
  }
  return undefined;
}

function cut(line: string): string {
  return line.length <= SHOWN_CHARACTERS ? line : `${line.slice(0, SHOWN_CHARACTERS)} …`;
}
