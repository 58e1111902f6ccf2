import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';

/** The runtime CLI of a HAProxy that can stand still: it takes connections and commands then, and answers them when it goes on. */
export class FakeHaproxyCli {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #unanswered: (() => void)[] = [];
  #isStanding = false;

  private constructor(pid: number) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket.setEncoding('utf8'));
      socket.on('error', () => socket.destroy());
      socket.on('data', (text: string) => {
        for (const command of text.split('\n').slice(0, -1))
          this.#answer(() => socket.write(command === 'show info' ? `Pid: ${String(pid)}\n\n> ` : '\n> '));
      });
    });
  }

  static async listen(path: string, pid: number): Promise<FakeHaproxyCli> {
    const fake = new FakeHaproxyCli(pid);
    fake.#server.listen(path);
    await once(fake.#server, 'listening');
    return fake;
  }

  standStill(): void {
    this.#isStanding = true;
  }

  /** How many commands wait to be answered. */
  get waiting(): number {
    return this.#unanswered.length;
  }

  /** Answers the first of the commands that wait, and stands still again. */
  answerOne(): void {
    this.#unanswered.shift()?.();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #answer(answer: () => void): void {
    if (this.#isStanding) this.#unanswered.push(answer);
    else answer();
  }
}
