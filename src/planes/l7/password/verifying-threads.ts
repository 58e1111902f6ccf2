import { Worker } from 'node:worker_threads';
import type { PasswordHash } from '../../../model/password-file.ts';
import type { VerifyRequest } from './verifying-thread.ts';

/** What waits for a thread. */
interface Job {
  readonly request: VerifyRequest;
  readonly done: (verdict: boolean | undefined) => void;
}

/** How many passwords of one file may wait. Who guesses fills this, and nobody else's. */
const MOST_WAITING = 64;

/**
 * Checks passwords on threads of their own, since one takes up to a second. Files take turns, so that somebody who guesses at one of them
 * holds up its own users alone. Threads are started when there is work.
 */
export class VerifyingThreads {
  readonly #most: number;
  readonly #onBroken: (error: unknown) => void;
  readonly #idle: Worker[] = [];
  readonly #threads = new Set<Worker>();
  /** By file, in the order in which it is their turn. */
  readonly #waiting = new Map<string, Job[]>();
  #isClosed = false;

  /** `onBroken` is called with what has ended a thread. */
  constructor(most: number, onBroken: (error: unknown) => void) {
    this.#most = most;
    this.#onBroken = onBroken;
  }

  /** Undefined where too many wait already, or the thread ended. */
  verify(file: string, hash: PasswordHash, password: Uint8Array): Promise<boolean | undefined> {
    return new Promise((done) => {
      const jobs = this.#waiting.get(file) ?? [];
      if (this.#isClosed || jobs.length >= MOST_WAITING) {
        done(undefined);
        return;
      }
      jobs.push({ request: { hash, password }, done });
      this.#waiting.set(file, jobs);
      this.#start();
    });
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const { done } of [...this.#waiting.values()].flat()) done(undefined);
    this.#waiting.clear();
    await Promise.all([...this.#threads].map((thread) => thread.terminate()));
  }

  #start(): void {
    for (;;) {
      if (this.#waiting.size === 0 || (this.#idle.length === 0 && this.#threads.size >= this.#most)) return;
      const job = this.#next();
      if (job !== undefined) this.#run(this.#idle.pop() ?? this.#newThread(), job);
    }
  }

  #next(): Job | undefined {
    const [first] = this.#waiting;
    if (first === undefined) return undefined;
    const [file, jobs] = first;
    const job = jobs.shift();
    // To the end of the turns, if there is more.
    this.#waiting.delete(file);
    if (jobs.length > 0) this.#waiting.set(file, jobs);
    return job;
  }

  #newThread(): Worker {
    // With the extension that this module has itself: in the container image, the types are stripped.
    const extension = import.meta.url.slice(import.meta.url.lastIndexOf('.'));
    const thread = new Worker(new URL(`./verifying-thread${extension}`, import.meta.url));
    thread.unref();
    this.#threads.add(thread);
    return thread;
  }

  #run(thread: Worker, { request, done }: Job): void {
    const settle = (verdict: boolean | undefined, isAlive: boolean): void => {
      thread.off('message', onMessage).off('error', onError).off('exit', onExit);
      if (isAlive) this.#idle.push(thread);
      else this.#threads.delete(thread);
      done(verdict);
      if (!this.#isClosed) this.#start();
    };
    const onMessage = (verdict: boolean): void => settle(verdict, true);
    const onExit = (): void => settle(undefined, false);
    const onError = (error: unknown): void => {
      this.#onBroken(error);
      settle(undefined, false);
    };
    thread.on('message', onMessage).on('error', onError).on('exit', onExit);
    thread.postMessage(request, []);
  }
}
