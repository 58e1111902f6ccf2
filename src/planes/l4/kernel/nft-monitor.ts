import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { Backoff, type BackoffBounds } from '../../../lib/backoff.ts';
import { crash } from '../../../lib/crash.ts';
import { Fault, messageOf } from '../../../lib/fault.ts';
import { isRecord } from '../../../lib/is-record.ts';
import { LineSplitter } from '../../../lib/line-splitter.ts';
import type { Logger } from '../../../lib/logger.ts';
import { sleep } from '../../../lib/sleep.ts';
import type { Anchor } from '../rules/anchors.ts';
import { WORDS } from '../rules/names.ts';
import { NftEvents } from './nft-event.ts';
import { NftRefusedFault } from './nft-refusal.ts';
import type { Nft } from './nft.ts';
import { findProgram, programEnvironment } from './run-program.ts';

export interface NftMonitorOptions {
  readonly nft: Nft;
  readonly logger: Logger;
  /** What is looked at to see whether our tables are whole; a chain in each table, at least. */
  readonly anchors: () => readonly Anchor[];
  /** How often our tables have been made as a whole, each time with new handles; undefined when nobody knows whether they are there. */
  readonly generation: () => number | undefined;
  /** About how many elements there are in our tables. */
  readonly elements: () => number;
  /** Called for each time that another program changed something of ours, or that something of ours is not there or not ours. */
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

/** Why changes are not followed. */
interface Obstacle {
  readonly reason: string;
  /** Where somebody could do something about it. */
  readonly remedy?: string;
  /** Whether it would come again if they were followed at once. */
  readonly isLasting: boolean;
}

const TOO_MANY_ELEMENTS: Obstacle = { reason: 'too many elements', isLasting: true };
const OUT_OF_MEMORY: Obstacle = { reason: 'nft monitor takes more memory than it may', isLasting: true };
const NOT_READ: Obstacle = {
  reason: 'nft monitor has not come to read all elements within ten seconds',
  isLasting: true,
};
const NO_SETPRIV: Obstacle = {
  reason: 'setpriv is missing',
  remedy: 'install setpriv (package util-linux)',
  isLasting: true,
};

/** After how long it is tried again to follow what could not be followed. */
const REST_MS = 600_000;

/** nft 1.0.6 crashes with every change of a set of ranges, and reads all elements when it begins anew. */
const BACKOFF: BackoffBounds = { minMs: 200, maxMs: 60_000 };

/** While every change is followed a look finds only what the kernel did not tell. */
const FOLLOWED_LOOK_INTERVAL_MS = 30_000;
const LOOK_INTERVAL_MS = 2000;

/** How long `nft monitor` may take to read all elements. */
const SUBSCRIPTION_POLL_MS = 100;
const SUBSCRIPTION_POLLS = 100;

/** How many looks there are for one thorough one. That makes the kernel wait a grace period with its lock held, 13 ms an anchor. */
const LOOKS_PER_AUDIT = 15;

/**
 * Notices that another program changed something of ours, such as a firewall's `nft flush ruleset`, or put an old copy in its place.
 *
 * As long as that is affordable through `nft monitor`, which tells at once what was changed and by whom; and always, the more often
 * where it is not, by looking whether the anchors are there, with the handles that the kernel gave them, and in use. That finds tables,
 * chains and rules that are gone or replaced within seconds to half a minute, but no single elements.
 */
export class NftMonitor {
  readonly #options: NftMonitorOptions;
  /** Handles of chains as they were first seen in a generation. */
  #known: { readonly generation: number; readonly handles: ReadonlyMap<string, number> } | undefined;
  #looks = 0;
  #noted: string | undefined;

  constructor(options: NftMonitorOptions) {
    this.#options = options;
  }

  /** Watches until `signal` is aborted. */
  async run(signal: AbortSignal): Promise<void> {
    const backoff = new Backoff(BACKOFF);
    while (!signal.aborted) {
      const startedMs = performance.now();
      const obstacle = await this.#followAsFarAsPossible(signal);
      if (signal.aborted) return;
      this.#note(obstacle);
      if (performance.now() - startedMs > BACKOFF.maxMs) backoff.reset();
      await this.#audit();
      await this.#lookAgainAndAgain(obstacle.isLasting ? REST_MS : backoff.nextMs(), signal);
    }
  }

  async #followAsFarAsPossible(signal: AbortSignal): Promise<Obstacle> {
    if (this.#options.elements() > MOST_ELEMENTS) return TOO_MANY_ELEMENTS;
    if ((await findProgram('setpriv')) === undefined) return NO_SETPRIV;
    return this.#follow(signal);
  }

  /** What lasts, once; that changes are not followed for a moment is only of interest to those who look for it. */
  #note({ reason, remedy, isLasting }: Obstacle): void {
    const { logger } = this.#options;
    if (!isLasting) logger.debug('nft monitor ended; it is started again', { reason });
    else if (reason !== this.#noted)
      logger[remedy === undefined ? 'info' : 'warn'](
        `${reason}: changes are not followed; the tables are looked at every two seconds`,
        remedy === undefined ? {} : { remedy },
      );
    if (isLasting) this.#noted = reason;
  }

  async #lookAgainAndAgain(durationMs: number, signal: AbortSignal): Promise<void> {
    const endMs = performance.now() + durationMs;
    for (;;) {
      const remainingMs = Math.max(0, endMs - performance.now());
      if (!(await sleep(Math.min(LOOK_INTERVAL_MS, remainingMs), signal)) || remainingMs <= LOOK_INTERVAL_MS) return;
      this.#looks += 1;
      await (this.#looks % LOOKS_PER_AUDIT === 0 ? this.#audit() : this.#look());
    }
  }

  /** Follows `nft monitor` to its end, and says why that came, and whether it would come again. */
  async #follow(signal: AbortSignal): Promise<Obstacle> {
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
      if (words.includes('emory')) return OUT_OF_MEMORY; // "Memory allocation failure", in whatever case
      return endedWith(
        words === '' ? `it ended with ${child.signalCode ?? `status ${String(child.exitCode)}`}` : words,
      );
    } catch (thrown) {
      return endedWith(messageOf(thrown));
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

  /** Whether the chains among the anchors are there, and those that they were: cheap, and in nobody's way. Returns whether it found something. */
  async #look(): Promise<boolean> {
    const generation = this.#options.generation();
    if (generation === undefined) return false;
    const handles = await this.#handles();
    // Whatever was made anew meanwhile has been found already.
    if (handles === undefined || this.#options.generation() !== generation) return false;
    const known = this.#known?.generation === generation ? this.#known.handles : handles;
    this.#known = { generation, handles: known };
    const chains = this.#options
      .anchors()
      .filter(({ kind }) => kind === 'chain')
      .map(textOf);
    const found = chains.find((chain) => !handles.has(chain) || handles.get(chain) !== known.get(chain));
    if (found === undefined) return false;
    this.#options.onForeign(handles.has(found) ? `${found} is a copy that another program made` : `${found} is gone`);
    return true;
  }

  /** The handle of each chain there is; undefined where there is no answer. */
  async #handles(): Promise<ReadonlyMap<string, number> | undefined> {
    const handles = new Map<string, number>();
    for (const family of new Set(this.#options.anchors().map((anchor) => anchor.family))) {
      const word = WORDS[family].family;
      const listed = await this.#answer(() => this.#options.nft.listJson(['chains', word]));
      if (listed === undefined) return undefined;
      for (const { table, name, handle } of chainsOf(listed))
        handles.set(`chain ${word} ${String(table)} ${String(name)}`, Number(handle));
    }
    return handles;
  }

  /** Whether all anchors are there and in use: then, and only then, the kernel answers that it is busy. */
  async #audit(): Promise<void> {
    const generation = this.#options.generation();
    if (generation === undefined || (await this.#look())) return;
    for (const anchor of this.#options.anchors()) {
      if (this.#options.generation() !== generation) return;
      const state = await this.#answer(() => this.#stateOf(anchor));
      if (state === undefined || state === 'whole' || this.#options.generation() !== generation) continue;
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
      return thrown.refusal === 'in-use' ? 'whole' : 'gone';
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

/** Each chain in what `nft -j list chains` printed. */
function chainsOf(listed: unknown): readonly Readonly<Record<string, unknown>>[] {
  const objects =
    isRecord(listed) && Array.isArray(listed['nftables']) ? (listed['nftables'] as readonly unknown[]) : [];
  return objects.map((object) => (isRecord(object) ? object['chain'] : undefined)).filter((chain) => isRecord(chain));
}

function endedWith(reason: string): Obstacle {
  return { reason, isLasting: false };
}
