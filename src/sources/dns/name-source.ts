import { lookup } from 'node:dns/promises';
import { aborted } from '../../lib/aborted.ts';
import { crash } from '../../lib/crash.ts';
import { messageOf } from '../../lib/fault.ts';
import type { Logger } from '../../lib/logger.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { sleep } from '../../lib/sleep.ts';
import { ipAddressOf, type IpAddress } from '../../model/grammar.ts';
import type { Wants } from '../../model/want.ts';
import type { Source, SourceState } from '../source.ts';
import type { Store } from '../store.ts';

/** How often each name is looked up, in milliseconds: what the resolver caches of it, it answers for itself. */
const LOOKUP_EVERY_MS = 10_000;

/**
 * How long everything else waits for the first answer about a name, in milliseconds. The resolver itself takes ten seconds for a
 * server that says nothing, and asks about two names at a time.
 */
const FIRST_ANSWER_MS = 3_000;

/** Gives the addresses of a name; rejects when there is none or nobody answers. */
export type Resolve = (name: string) => Promise<readonly string[]>;

export interface NameSourceOptions {
  readonly store: Store;
  readonly logger: Logger;
  /** The system's resolver (`getaddrinfo`, so that /etc/hosts counts), unless a test brings its own. */
  readonly resolve?: Resolve;
  readonly everyMs?: number;
  readonly firstAnswerMs?: number;
}

/** Addresses of ExternalName Services. When DNS does not answer, the last answer stays. */
export class NameSource implements Source {
  readonly name = 'dns';
  readonly #options: NameSourceOptions;
  readonly #resolve: Resolve;
  readonly #lookups = new Map<string, AbortController>();
  /** Names that have had no answer of either kind yet, and are waited for. */
  readonly #pending = new Set<string>();
  /** Names whose last lookup had no answer: said in the log once, because a wrong name is looked up for as long as it stands there. */
  readonly #unanswered = new Set<string>();
  #wanted = PersistentMap.empty<true>();
  #signal: AbortSignal | undefined;
  #onState: () => void = () => {};
  #told: SourceState['kind'] | undefined;

  constructor(options: NameSourceOptions) {
    this.#options = options;
    this.#resolve = options.resolve ?? resolveBySystem;
  }

  /** A name that cannot be resolved is a Finding on its Service, and nothing to wait for. */
  get state(): SourceState {
    const isSyncing = this.#pending.size > 0 || this.#signal === undefined;
    return isSyncing ? { kind: 'syncing', lacks: 'wants' } : { kind: 'synced' };
  }

  want({ names }: Wants): void {
    PersistentMap.diff(this.#wanted, names, (name, _, wanted) => {
      if (wanted === undefined) this.#forget(name);
      else if (this.#signal !== undefined) this.#follow(name, this.#signal);
    });
    this.#wanted = names;
    this.#tell();
  }

  async run(signal: AbortSignal, onState: () => void): Promise<void> {
    this.#signal = signal;
    this.#onState = onState;
    for (const name of this.#wanted.keys()) this.#follow(name, signal);
    this.#tell();
    await aborted(signal);
  }

  #follow(name: string, signal: AbortSignal): void {
    const stop = new AbortController();
    this.#lookups.set(name, stop);
    this.#pending.add(name);
    const either = AbortSignal.any([signal, stop.signal]);
    this.#lookUp(name, either).catch(crash);
    this.#waitFor(name, either).catch(crash);
  }

  /** One name that nobody answers for must not keep the rest from being served. */
  async #waitFor(name: string, signal: AbortSignal): Promise<void> {
    await sleep(this.#options.firstAnswerMs ?? FIRST_ANSWER_MS, signal);
    if (signal.aborted || !this.#pending.delete(name)) return;
    this.#answer(name, []);
    this.#tell();
  }

  #forget(name: string): void {
    this.#lookups.get(name)?.abort();
    this.#lookups.delete(name);
    this.#pending.delete(name);
    this.#unanswered.delete(name);
    this.#options.store.commit([{ table: 'resolvedNames', key: name, value: undefined }]);
  }

  /** Says so when the state is another than was said last; before and after it runs nobody hears it. */
  #tell(): void {
    const { kind } = this.state;
    if (this.#signal?.aborted !== false || kind === this.#told) return;
    this.#told = kind;
    this.#onState();
  }

  async #lookUp(name: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const addresses = await this.#addressesOf(name);
      if (signal.aborted) return;
      const known = this.#options.store.snapshot.resolvedNames.get(name);
      // No answer is none about a name that had one.
      this.#answer(name, addresses ?? known?.addresses ?? []);
      this.#pending.delete(name);
      this.#tell();
      await sleep(this.#options.everyMs ?? LOOKUP_EVERY_MS, signal);
    }
  }

  #answer(name: string, addresses: readonly IpAddress[]): void {
    const { store } = this.#options;
    if (store.snapshot.resolvedNames.get(name)?.addresses.join() === addresses.join()) return;
    store.commit([{ table: 'resolvedNames', key: name, value: { addresses } }]);
  }

  /** Sorted, so that an answer in another order is the same answer; undefined when there is none. */
  async #addressesOf(name: string): Promise<readonly IpAddress[] | undefined> {
    try {
      const found = await this.#resolve(name);
      this.#unanswered.delete(name);
      return [...new Set(found.flatMap((address) => ipAddressOf(address) ?? []))].sort((a, b) => (a < b ? -1 : 1));
    } catch (thrown) {
      if (!this.#unanswered.has(name)) {
        const error = messageOf(thrown);
        this.#options.logger.warn('cannot resolve the name of an ExternalName Service', { externalName: name, error });
      }
      if (this.#lookups.has(name)) this.#unanswered.add(name);
      return undefined;
    }
  }
}

async function resolveBySystem(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address);
}
