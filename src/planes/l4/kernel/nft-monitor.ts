import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { Backoff } from '../../../lib/backoff.ts';
import { crash } from '../../../lib/crash.ts';
import { Fault, messageOf } from '../../../lib/fault.ts';
import { isRecord } from '../../../lib/is-record.ts';
import { LineSplitter } from '../../../lib/line-splitter.ts';
import type { Logger } from '../../../lib/logger.ts';
import { sleep } from '../../../lib/sleep.ts';
import { WORDS, type Family } from '../rules/names.ts';
import { NftEvents } from './nft-event.ts';
import { NftRefusedFault } from './nft-refusal.ts';
import type { Nft } from './nft.ts';
import { findProgram, programEnvironment } from './run-program.ts';

/** A chain, set or map of ours that rules of ours use, so that the kernel would not let anybody delete it alone. */
export interface Anchor {
  readonly kind: 'chain' | 'set' | 'map';
  readonly family: Family;
  readonly table: string;
  readonly name: string;
}

export interface NftMonitorOptions {
  readonly nft: Nft;
  readonly logger: Logger;
  /** What is looked at to see whether our tables are whole; a chain in each table, at least. */
  readonly anchors: readonly Anchor[];
  /** Whether the anchors should be there by now. */
  readonly isProgrammed: () => boolean;
  /** About how many elements there are in our tables. */
  readonly elements: () => number;
  /** Called for each time that another program deleted something of ours, or that something of ours is not there. */
  readonly onForeign: (reason: string) => void;
  /** How often the tables are looked at while every change is followed; 30 s unless told. */
  readonly lookIntervalMs?: number;
}

/**
 * With more elements than this, our tables are only looked at from time to time. `nft monitor` reads them all before it follows, at 15 µs
 * and 2 KB each, and begins anew whenever a change comes in between: with 50,000 it would hardly get through where ten Services a second
 * change, and take a processor while it tries.
 */
const MOST_ELEMENTS = 20_000;

/** The most memory that `nft monitor` may take, in KiB, should there come to be more elements: this lasts for 50,000. */
const MEMORY_KIB = 131_072;

/** Why changes cannot be followed on this machine; `remedy` where somebody could do something about it. */
interface Obstacle {
  readonly reason: string;
  readonly remedy?: string;
}

const TOO_MANY_ELEMENTS: Obstacle = { reason: 'too many elements' };
const NOT_READ: Obstacle = { reason: 'nft monitor has not come to read all elements within ten seconds' };

/** While every change is followed a look finds only what the kernel did not tell. */
const FOLLOWED_LOOK_INTERVAL_MS = 30_000;
const LOOK_INTERVAL_MS = 2000;

/** How long `nft monitor` may take to read all elements. */
const SUBSCRIPTION_POLL_MS = 100;
const SUBSCRIPTION_POLLS = 100;

/** How many looks there are for one thorough one. That makes the kernel wait a grace period with its lock held, 13 ms an anchor. */
const LOOKS_PER_AUDIT = 15;

/**
 * Notices that another program deleted something of ours, such as a firewall's `nft flush ruleset`.
 *
 * As long as that is affordable through `nft monitor`, which tells at once what was deleted and by whom; afterwards, and where it can
 * have missed something, by looking whether the anchors are there and in use. That finds tables, chains and rules that are gone within
 * seconds to half a minute, but no single elements.
 */
export class NftMonitor {
  readonly #options: NftMonitorOptions;

  constructor(options: NftMonitorOptions) {
    this.#options = options;
  }

  /** Watches until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const obstacle = await this.#followAgain(signal);
    if (obstacle === undefined) return;
    const { logger } = this.#options;
    logger[obstacle.remedy === undefined ? 'info' : 'warn'](
      `${obstacle.reason}: changes are not followed; the tables are looked at every two seconds`,
      obstacle.remedy === undefined ? {} : { remedy: obstacle.remedy },
    );
    for (let looks = 1; await sleep(LOOK_INTERVAL_MS, signal); looks += 1)
      await (looks % LOOKS_PER_AUDIT === 0 ? this.#audit() : this.#look());
  }

  /** Follows every change for as long as that can be had, and returns why it can no longer; undefined when `signal` ended it. */
  async #followAgain(signal: AbortSignal): Promise<Obstacle | undefined> {
    if ((await findProgram('setpriv')) === undefined)
      return { reason: 'setpriv is missing', remedy: 'install setpriv (package util-linux)' };
    const backoff = new Backoff({ minMs: 200, maxMs: 10_000 });
    while (!signal.aborted) {
      if (this.#options.elements() > MOST_ELEMENTS) return TOO_MANY_ELEMENTS;
      const startedMs = performance.now();
      const end = await this.#follow(signal);
      if (signal.aborted) break;
      await this.#audit();
      if (typeof end !== 'string') return end;
      this.#options.logger.warn('nft monitor ended; it is started again', { reason: end });
      if (performance.now() - startedMs > 60_000) backoff.reset();
      await sleep(backoff.nextMs(), signal);
    }
    return undefined;
  }

  /** Follows `nft monitor` to its end, and says why that came, and whether it would come again. */
  async #follow(signal: AbortSignal): Promise<string | Obstacle> {
    // It would notice only at the next change that nobody reads it any more, and until then hold on to its network namespace.
    const script = `ulimit -v ${String(MEMORY_KIB)}; exec setpriv --pdeathsig KILL nft monitor`;
    const child = spawn('sh', ['-c', script], { env: programEnvironment, stdio: ['ignore', 'pipe', 'pipe'] });
    const onAbort = (): boolean => child.kill('SIGKILL');
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const splitter = new LineSplitter();
    const events = new NftEvents();
    let words = '';
    child.stdout.on('data', (chunk: Buffer) => {
      for (const line of splitter.push(chunk)) this.#take(events.decode(line));
    });
    child.stderr.on('data', (chunk: Buffer) => (words = chunk.toString().trim()));
    const ended = new AbortController();
    let isUnreadable = false;
    const onUnreadable = (): void => {
      isUnreadable = true;
      child.kill('SIGKILL');
    };
    const looking = this.#lookBeside(child.pid, onUnreadable, AbortSignal.any([signal, ended.signal]));
    try {
      await once(child, 'close');
      if (isUnreadable) return NOT_READ;
      if (words.includes('emory')) return TOO_MANY_ELEMENTS; // "Memory allocation failure", in whatever case
      return words === '' ? `it ended with ${child.signalCode ?? `status ${String(child.exitCode)}`}` : words;
    } catch (thrown) {
      return messageOf(thrown);
    } finally {
      signal.removeEventListener('abort', onAbort);
      ended.abort();
      await looking;
    }
  }

  /**
   * Looks for what the follower cannot tell: what went before it had subscribed, and what it lost without a word. Calls `onUnreadable`
   * when it does not get to subscribe.
   */
  async #lookBeside(follower: number | undefined, onUnreadable: () => void, signal: AbortSignal): Promise<void> {
    for (let polls = 0; !(await hasSubscribed(follower)); polls += 1) {
      if (polls === SUBSCRIPTION_POLLS) return onUnreadable();
      if (!(await sleep(SUBSCRIPTION_POLL_MS, signal))) return;
    }
    if (signal.aborted) return;
    await this.#audit();
    while (await sleep(this.#options.lookIntervalMs ?? FOLLOWED_LOOK_INTERVAL_MS, signal)) await this.#look();
  }

  #take(event: ReturnType<NftEvents['decode']>): void {
    if (event === undefined) return;
    if (event === 'loss') this.#audit().catch(crash);
    else this.#options.onForeign(`"${event.what}" by process ${String(event.pid)} (${event.process})`);
  }

  /** Whether the chains among the anchors are there: cheap, and in nobody's way. */
  async #look(): Promise<void> {
    if (!this.#options.isProgrammed()) return;
    const chains = this.#options.anchors.filter(({ kind }) => kind === 'chain');
    for (const family of new Set(chains.map((anchor) => anchor.family))) {
      const found = await this.#answer(async () =>
        chainsOf(await this.#options.nft.listJson(['chains', WORDS[family].family])),
      );
      if (found === undefined) return;
      const missing = chains.find((anchor) => anchor.family === family && !found.has(`${anchor.table} ${anchor.name}`));
      if (missing === undefined || !this.#options.isProgrammed()) continue;
      this.#options.onForeign(`${textOf(missing)} is gone`);
      return;
    }
  }

  /** Whether all anchors are there and in use: then, and only then, the kernel answers that it is busy. */
  async #audit(): Promise<void> {
    for (const anchor of this.#options.anchors) {
      if (!this.#options.isProgrammed()) return;
      const state = await this.#answer(() => this.#stateOf(anchor));
      if (state === undefined || state === 'whole' || !this.#options.isProgrammed()) continue;
      this.#options.onForeign(
        `${textOf(anchor)} is ${state === 'gone' ? 'gone' : 'there, but the rules that use it are gone'}`,
      );
      return;
    }
  }

  async #stateOf(anchor: Anchor): Promise<'whole' | 'gone' | 'unused'> {
    try {
      await this.#options.nft.check(`delete ${textOf(anchor)}`);
      return 'unused';
    } catch (thrown) {
      if (!(thrown instanceof NftRefusedFault)) throw thrown;
      return thrown.message.includes('resource busy') ? 'whole' : 'gone';
    }
  }

  /** Undefined where there is no answer, which says nothing about our tables. */
  async #answer<T>(ask: () => Promise<T>): Promise<T | undefined> {
    try {
      return await ask();
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      this.#options.logger.warn('cannot look whether the tables are whole', { error: thrown.message });
      return undefined;
    }
  }
}

/** The group that `nft monitor` joins (NFNLGRP_NFTABLES, linux/netfilter/nfnetlink.h), as `/proc/net/netlink` shows it. */
const NFTABLES_GROUP = 1 << 6;

/** Whether a process has a socket to which the kernel tells what changes in nftables. */
async function hasSubscribed(pid: number | undefined): Promise<boolean> {
  if (pid === undefined) return false;
  try {
    const folder = `/proc/${String(pid)}/fd`;
    const links = await Promise.all((await readdir(folder)).map((name) => readlink(`${folder}/${name}`)));
    // By the number of the socket, and not the process that is noted beside it: that one may be of another container.
    return (await readFile('/proc/net/netlink', 'utf8')).split('\n').some((line) => {
      const [, , , groups = '', ...rest] = line.trim().split(/\s+/);
      return (parseInt(groups, 16) & NFTABLES_GROUP) !== 0 && links.includes(`socket:[${rest.at(-1) ?? ''}]`);
    });
  } catch {
    // It has ended, or has closed one of its files since they were listed: asked again, or given up, by whoever asks.
    return false;
  }
}

function textOf({ kind, family, table, name }: Anchor): string {
  return `${kind} ${WORDS[family].family} ${table} ${name}`;
}

/** `table name` of each chain in what `nft -j list chains` printed. */
function chainsOf(listed: unknown): ReadonlySet<string> {
  const objects =
    isRecord(listed) && Array.isArray(listed['nftables']) ? (listed['nftables'] as readonly unknown[]) : [];
  const chains = objects
    .map((object) => (isRecord(object) ? object['chain'] : undefined))
    .filter((chain) => isRecord(chain));
  return new Set(chains.map(({ table, name }) => `${String(table)} ${String(name)}`));
}
