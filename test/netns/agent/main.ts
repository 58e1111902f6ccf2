/**
 * The process that a test keeps in each network namespace of the lab: it serves as a pod does and asks as a client does, as the
 * test tells it over Node's IPC channel. It ends with that channel.
 */
import { get } from 'node:http';
import { connect, createServer, type Socket } from 'node:net';
import { Greeter } from './greeter.ts';
import { Load } from './load.ts';
import { connectTo, probe } from './probe.ts';
import type { Command, HttpReply, Reply, Request, Response, Results, Target } from './protocol.ts';

const PATIENCE_MS = 3_000;

const greeters = new Map<number, Greeter>();
const loads = new Map<string, Load>();
const connections = new Map<string, Conversation>();

function execute(command: Command): Promise<Results[Command['kind']]> | Results[Command['kind']] {
  switch (command.kind) {
    case 'serve':
      return serve(command.name, command.addresses, command.port);
    case 'unserve':
      greeters.get(command.port)?.stop();
      greeters.delete(command.port);
      return undefined;
    case 'probe':
      return probe(command);
    case 'start-load':
      loads.set(command.load, new Load(command.targets, command.width));
      return undefined;
    case 'stop-load':
      return loads.get(command.load)?.stop(command.atLeast);
    case 'open':
      return open(command.connection, command.target);
    case 'say':
      return connections.get(command.connection)?.say(command.word);
    case 'http':
      return fetchOnce(command.url);
    case 'relay':
      return relay(command.port, command.socket);
  }
}

async function serve(name: string, addresses: readonly string[], port: number): Promise<undefined> {
  if (!greeters.has(port)) greeters.set(port, await Greeter.start(name, addresses, port));
}

/** A TCP connection that stays, with an echo at its other end. */
class Conversation {
  readonly #socket: Socket;
  #heard = '';
  #onChange: () => void = () => {};
  #isDead = false;

  constructor(target: Target) {
    this.#socket = connectTo(target);
    this.#socket.on('data', (chunk: Buffer) => {
      this.#heard += chunk.toString();
      this.#onChange();
    });
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => {
      this.#isDead = true;
      this.#onChange();
    });
  }

  async greeting(): Promise<Reply> {
    const [by, client] = (await this.#line())?.split(' ') ?? [];
    if (by === undefined || client === undefined) return { kind: 'failed', code: 'no greeting' };
    return { kind: 'answered', by, client };
  }

  say(word: string): Promise<string | undefined> {
    this.#socket.write(`${word}\n`);
    return this.#line();
  }

  #line(): Promise<string | undefined> {
    const { promise, resolve } = Promise.withResolvers<string | undefined>();
    const finish = (line: string | undefined): void => {
      clearTimeout(patience);
      this.#onChange = () => {};
      resolve(line);
    };
    const patience = setTimeout(() => finish(undefined), PATIENCE_MS);
    this.#onChange = () => {
      const end = this.#heard.indexOf('\n');
      if (end === -1) {
        if (this.#isDead) finish(undefined);
        return;
      }
      const line = this.#heard.slice(0, end);
      this.#heard = this.#heard.slice(end + 1);
      finish(line);
    };
    this.#onChange();
    return promise;
  }
}

function open(name: string, target: Target): Promise<Reply> {
  const conversation = new Conversation(target);
  connections.set(name, conversation);
  return conversation.greeting();
}

function fetchOnce(url: string): Promise<HttpReply> {
  const { promise, resolve } = Promise.withResolvers<HttpReply>();
  const request = get(url, { agent: false, timeout: PATIENCE_MS }, (response) => {
    let body = '';
    response.on('data', (chunk: Buffer) => (body += chunk.toString()));
    response.on('end', () => {
      const headers = Object.entries(response.headers).map(([name, value]) => [name, String(value)] as const);
      resolve({ status: response.statusCode ?? 0, headers: Object.fromEntries(headers), body });
    });
  });
  request.on('timeout', () => request.destroy());
  request.on('error', () => resolve({ status: 0, headers: {}, body: '' }));
  return promise;
}

function relay(port: number, socketPath: string): Promise<undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  const server = createServer((near) => {
    const far = connect(socketPath);
    near.pipe(far).pipe(near);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const)
      one.on('error', () => {}).on('close', () => other.destroy());
  });
  server.listen(port, '127.0.0.1', () => resolve(undefined));
  return promise;
}

async function answer({ id, command }: Request): Promise<void> {
  let response: Response;
  try {
    response = { id, result: await execute(command) };
  } catch (error) {
    response = { id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  // When the test is gone there is nobody to tell.
  if (process.connected) process.send?.(response);
}

process.on('message', (request: Request) => {
  answer(request).catch(() => {});
});
process.on('disconnect', () => {
  process.exitCode = 0;
  process.kill(process.pid, 'SIGTERM');
});
