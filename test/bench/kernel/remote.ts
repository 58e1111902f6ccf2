import { once } from 'node:events';
import type { ChildProcess } from 'node:child_process';
import type { Namespace } from './namespace.ts';

/** What a module that runs in a network namespace can be asked, by name. Requests and replies are plain data. */
export type Calls<Names extends string> = Readonly<
  Record<Names, { readonly request: unknown; readonly reply: unknown }>
>;

interface Request {
  readonly name: string;
  readonly request: unknown;
}

type Reply = { readonly kind: 'reply'; readonly reply: unknown } | { readonly kind: 'failed'; readonly error: string };

/** A module of ours in a process of its own, in a network namespace; one question at a time. */
export class Remote<Names extends string, Known extends Calls<Names>> {
  readonly #child: ChildProcess;

  constructor(namespace: Namespace, module: string) {
    this.#child = namespace.spawn(
      [process.execPath, '--disable-warning=ExperimentalWarning', module],
      ['ignore', 'inherit', 'inherit', 'ipc'],
    );
  }

  /** @throws Error with what went wrong there. */
  async ask<Name extends Names>(name: Name, request: Known[Name]['request']): Promise<Known[Name]['reply']> {
    const answer = Promise.race([
      once(this.#child, 'message').then(([message]) => message as Reply),
      once(this.#child, 'exit').then((): Reply => ({ kind: 'failed', error: `${name}: the process ended` })),
    ]);
    this.#child.send({ name, request } satisfies Request);
    const reply = await answer;
    if (reply.kind === 'failed') throw new Error(reply.error);
    return reply.reply;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exit = once(this.#child, 'exit');
    this.#child.disconnect();
    await exit;
  }
}

/** The other side: answers until the one who asks is gone, and then ends the process by `release`. */
export function answerAll<Names extends string, Known extends Calls<Names>>(
  handlers: { readonly [Name in Names]: (request: Known[Name]['request']) => Promise<Known[Name]['reply']> },
  release: () => Promise<void>,
): void {
  process.on('message', (message: Request & { readonly name: Names }) => {
    void handlers[message.name](message.request).then(
      (reply) => process.send?.({ kind: 'reply', reply } satisfies Reply),
      (thrown: unknown) =>
        process.send?.({
          kind: 'failed',
          error: thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown),
        } satisfies Reply),
    );
  });
  // Left to itself, Node 24 may spin for ever while it closes what a server has left open.
  const end = (): void => process.exit(0);
  process.on('disconnect', () => void release().then(end, end));
}
