import { NFT_PROCESS_NAME } from './nft.ts';
import { AFFINITY_TABLE, FAMILIES, MAIN_TABLES, WORDS } from '../rules/names.ts';

/** Another program changed something of ours, in one transaction. */
export interface ForeignChange {
  /** What it did first, in nft's words: `delete table ip sluice`. */
  readonly what: string;
  /** The name of the process, and its id in the first PID namespace of the machine. */
  readonly process: string;
  readonly pid: number;
}

const tables = FAMILIES.flatMap((family) =>
  [...MAIN_TABLES, AFFINITY_TABLE].map((table) => `${WORDS[family].family} ${table}`),
);
/** Packets write to our maps without a word of the kernel's. */
const CHANGE = new RegExp(`^(?:add|insert|replace|delete) [a-z]+ (?:${tables.join('|')})(?: |$)`);

/** What ends a transaction in the output of `nft monitor`. */
const GENERATION = /^# new generation \d+ by process (?<pid>\d+) \((?<name>.*)\)$/;

/** `# ERROR: We lost some netlink events!`, where more came than the socket's buffer takes. */
const LOSS = 'lost some netlink events';

/** Reads the lines of `nft monitor`, in their order. */
export class NftEvents {
  #change: string | undefined;

  /** What a line tells: a transaction that changed something of ours, that lines are missing, or nothing of interest. */
  decode(line: string): ForeignChange | 'loss' | undefined {
    if (CHANGE.test(line)) this.#change ??= line;
    if (line.includes(LOSS)) return 'loss';
    const groups = GENERATION.exec(line)?.groups;
    if (groups === undefined) return undefined;
    const what = this.#change;
    this.#change = undefined;
    const process = groups['name'] ?? '';
    return what === undefined || process === NFT_PROCESS_NAME
      ? undefined
      : { what, process, pid: Number(groups['pid']) };
  }
}
