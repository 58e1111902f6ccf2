import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { spawnBound } from '../cluster/bound-process.ts';
import type { Command, Response, Results } from './agent/protocol.ts';

const PROGRAM = join(import.meta.dirname, 'agent', 'main.ts');

interface Waiting {
  readonly resolve: (result: Results[Command['kind']]) => void;
  readonly reject: (error: Error) => void;
}

/** The process that a test keeps in one network namespace (`agent/main.ts`). */
export class Agent {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #lastId = 0;

  /** @param namespaceFile as nsenter wants it */
  constructor(namespaceFile: string) {
    const command = [`--net=${namespaceFile}`, process.execPath, '--disable-warning=ExperimentalWarning', PROGRAM];
    this.#child = spawnBound('nsenter', command, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#child.on('message', (response: Response) => this.#receive(response));
    this.#child.on('exit', () => this.#failAll());
  }

  /** Has the command done. @throws Error when it cannot be done, or the process has ended */
  async ask<K extends Command['kind']>(command: Extract<Command, { readonly kind: K }>): Promise<Results[K]> {
    this.#lastId += 1;
    const id = this.#lastId;
    const { promise, resolve, reject } = Promise.withResolvers<Results[Command['kind']]>();
    this.#waiting.set(id, { resolve, reject });
    this.#child.send({ id, command });
    return (await promise) as Results[K];
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }

  #receive(response: Response): void {
    const waiting = this.#waiting.get(response.id);
    this.#waiting.delete(response.id);
    if ('error' in response) waiting?.reject(new Error(response.error));
    else waiting?.resolve(response.result);
  }

  #failAll(): void {
    for (const { reject } of this.#waiting.values()) reject(new Error('the process in the namespace has ended'));
    this.#waiting.clear();
  }
}
