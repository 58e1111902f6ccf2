import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { spawnBound } from './bound-process.ts';

export interface ComponentOptions {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Appended to by every run. */
  readonly logFile: string;
  /** Whether it serves. Asked again and again while it starts; an answer that takes long delays only the next question. */
  readonly isReady: () => Promise<boolean>;
}

const readyDeadlineMs = 90_000;
const readyIntervalMs = 50;
const tailBytes = 6_000;

/** One program of the control plane, which can be killed, started again and frozen. */
export class Component {
  readonly #options: ComponentOptions;
  #process: ChildProcess | undefined;

  constructor(options: ComponentOptions) {
    this.#options = options;
  }

  /**
   * Holds when it serves.
   *
   * @throws Error with the end of its log when it ends before that or takes too long
   */
  async start(): Promise<void> {
    if (this.#process !== undefined) throw new Error(`${this.#options.name} is running already`);
    const child = this.#spawn();
    await once(child, 'spawn');
    this.#process = child;
    const deadline = performance.now() + readyDeadlineMs;
    while (!(await this.#options.isReady())) {
      if (hasEnded(child)) throw await this.#failure(`ended with ${child.signalCode ?? `status ${child.exitCode}`}`);
      if (performance.now() > deadline) throw await this.#failure(`was not ready after ${readyDeadlineMs / 1000} s`);
      await sleep(readyIntervalMs);
    }
  }

  /** Takes it away at once, as a crash or an OOM kill does, unless told otherwise. Does nothing when it is not running. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || hasEnded(child)) return;
    const exit = once(child, 'exit');
    child.kill(signal);
    await exit;
  }

  /** Freezes it: connections stay open and nobody answers, as on a machine that swaps itself to death. */
  pause(): void {
    this.#signal('SIGSTOP');
  }

  /** Undoes {@link pause}. */
  resume(): void {
    this.#signal('SIGCONT');
  }

  /** The end of its log under a heading. */
  async logTail(): Promise<string> {
    const { name, logFile } = this.#options;
    const file = await open(logFile, 'r');
    try {
      const { size } = await file.stat();
      const { buffer, bytesRead } = await file.read({
        position: Math.max(0, size - tailBytes),
        buffer: Buffer.alloc(tailBytes),
      });
      return `--- ${name}, end of ${logFile} ---\n${buffer.toString('utf8', 0, bytesRead)}`;
    } finally {
      await file.close();
    }
  }

  #spawn(): ChildProcess {
    const { command, args, logFile } = this.#options;
    const log = openSync(logFile, 'a');
    try {
      return spawnBound(command, args, { stdio: ['ignore', log, log] });
    } finally {
      closeSync(log);
    }
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#process?.kill(signal) !== true) throw new Error(`${this.#options.name} is not running`);
  }

  async #failure(problem: string): Promise<Error> {
    await this.kill();
    return new Error(`${this.#options.name} ${problem}.\n${await this.logTail()}`);
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
