import { NFT_PROCESS_NAME } from './nft.ts';
import { AFFINITY_TABLE, FAMILIES, TABLE, WORDS } from '../rules/names.ts';

/** Another program deleted something of ours, in one transaction. */
export interface ForeignDeletion {
  /** What it deleted first, in nft's words: `delete table ip sluice`. */
  readonly what: string;
  /** The name of the process, and its id in the first PID namespace of the machine. */
  readonly process: string;
  readonly pid: number;
}

const tables = FAMILIES.flatMap((family) => [TABLE, AFFINITY_TABLE].map((table) => `${WORDS[family].family} ${table}`));
const DELETION = new RegExp(`^delete [a-z]+ (?:${tables.join('|')})(?: |$)`);

/** What ends a transaction in the output of `nft monitor`. */
const GENERATION = /^# new generation \d+ by process (?<pid>\d+) \((?<name>.*)\)$/;

/** `# ERROR: We lost some netlink events!`, where more came than the socket's buffer takes. */
const LOSS = 'lost some netlink events';

/** Reads the lines of `nft monitor`, in their order. */
export class NftEvents {
  #deletion: string | undefined;

  /** What a line tells: a transaction that deleted something of ours, that lines are missing, or nothing of interest. */
  decode(line: string): ForeignDeletion | 'loss' | undefined {
    if (DELETION.test(line)) this.#deletion ??= line;
    if (line.includes(LOSS)) return 'loss';
    const groups = GENERATION.exec(line)?.groups;
    if (groups === undefined) return undefined;
    const what = this.#deletion;
    this.#deletion = undefined;
    const process = groups['name'] ?? '';
    return what === undefined || process === NFT_PROCESS_NAME
      ? undefined
      : { what, process, pid: Number(groups['pid']) };
  }
}
