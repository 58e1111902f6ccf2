import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeApiServer } from '../../test/fakes/apiserver/apiserver.ts';
import { until } from '../../test/fakes/reflection-lab.ts';
import type { KubeConfig } from './config.ts';
import { Http2Wire } from './http2-wire.ts';
import type { ConnectionTimings } from './http2-connection.ts';
import type { WireAnswer, WireRequest } from './wire.ts';

const maxStreams = 5;
const TIMINGS: ConnectionTimings = { pingEveryMs: 30_000, pingAnswerWithinMs: 15_000, settingsWithinMs: 15_000 };
const path = '/api/v1/namespaces/default/configmaps';

let server: FakeApiServer;
const opened: Http2Wire[] = [];

/** A wire that waits for nothing but what the test does. */
class TestWire {
  readonly #wire: Http2Wire;
  readonly #config: KubeConfig;
  readonly #stop = new AbortController();

  constructor(config: KubeConfig, timings?: ConnectionTimings) {
    this.#config = config;
    this.#wire = new Http2Wire(config, timings);
    opened.push(this.#wire);
  }

  async send(method: WireRequest['method'], target: string, body?: object): Promise<WireAnswer> {
    const credentials = await this.#config.credentials.current();
    const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const headers = { authorization: credentials.authorization ?? '' };
    const request = { method, url: new URL(target, this.#config.server), headers, payload };
    return this.#wire.exchange(request, credentials, this.#stop.signal);
  }

  async get(target: string = path): Promise<string> {
    return textOf(await this.send('GET', target));
  }

  watch(): Promise<WireAnswer> {
    return this.send('GET', '/api/v1/configmaps?watch=true');
  }

  abort(): void {
    this.#stop.abort(new Error('stop'));
  }
}

async function textOf({ body }: WireAnswer): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

beforeEach(async () => {
  server = await FakeApiServer.start({ isTls: true, http2: { maxStreams } });
});
afterEach(async () => {
  for (const wire of opened.splice(0)) wire.close();
  await until(() => expect(server.connections, 'connections left open').toBe(0));
  await server.close();
});

describe('Http2Wire', () => {
  it('carries everything over one connection, until the server takes no more streams on it', async () => {
    const wire = new TestWire(server.config());
    const first = await Promise.all(Array.from({ length: maxStreams }, () => wire.watch()));
    expect(server.connections).toBe(1);
    await Promise.all(Array.from({ length: 7 }, () => wire.watch()));
    expect(server.watches).toBe(12);
    expect(server.connections).toBe(3);
    // One more fits into the third; then the room that a watch leaves behind is used.
    for (const { body } of first) body.destroy();
    await until(() => expect(server.watches).toBe(7));
    await Promise.all(Array.from({ length: maxStreams }, () => wire.watch()));
    expect(server.connections).toBe(3);
  });

  it('loses nothing of answers that arrive whole, in one piece', async () => {
    const relay = await Relay.start(Number(new URL(server.url).port));
    const wire = new TestWire({ ...server.config(), server: new URL(`https://127.0.0.1:${relay.port}`) });
    await wire.get();
    relay.hold();
    const asking = Promise.all(Array.from({ length: maxStreams }, () => wire.get()));
    await until(() => expect(server.requests).toHaveLength(1 + maxStreams));
    await relay.release();
    for (const answer of await asking) expect(answer).toContain('ConfigMapList');
    await relay.stop();
  });

  it('leaves running watches alone when the server wants no new streams, and opens another connection', async () => {
    const wire = new TestWire(server.config());
    const { body } = await wire.watch();
    const reading = body[Symbol.asyncIterator]();
    server.goAway();
    const connectionsOfNext = async (): Promise<number> => {
      await wire.get();
      return server.connections;
    };
    await expect.poll(connectionsOfNext).toBe(2);
    server.seed('configmaps', [{ metadata: { namespace: 'default', name: 'late' } }]);
    expect(String((await reading.next()).value)).toContain('"late"');
    body.destroy();
    await until(() => expect(server.connections).toBe(1));
  });

  it('repeats a GET, and nothing else, whose connection breaks before an answer', async () => {
    const wire = new TestWire(server.config());
    await wire.get();
    server.faults.add({ trouble: { kind: 'reset' }, times: 1 });
    await expect(wire.get()).resolves.toContain('ConfigMapList');
    expect(server.requests).toHaveLength(3);
    server.faults.add({ trouble: { kind: 'reset' }, times: 1 });
    await expect(wire.send('POST', path, { metadata: { name: 'x' } })).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(server.requests).toHaveLength(4);
  });

  it('does not repeat a GET on a connection that was new', async () => {
    server.faults.add({ trouble: { kind: 'reset' } });
    await expect(new TestWire(server.config()).get()).rejects.toMatchObject({ code: 'ECONNRESET' });
    expect(server.requests).toHaveLength(1);
  });

  it('does not take an answer that was cut for one that ended', async () => {
    const wire = new TestWire(server.config());
    const answer = await wire.watch();
    const reading = textOf(answer);
    server.troubleWatches('reset');
    await expect(reading).rejects.toMatchObject({ code: 'ECONNRESET' });
  });

  it('gives whoever reads the error that it is destroyed with', async () => {
    const { body } = await new TestWire(server.config()).watch();
    const reading = body[Symbol.asyncIterator]().next();
    body.destroy(new Error('too late'));
    await expect(reading).rejects.toThrow('too late');
    await until(() => expect(server.watches).toBe(0));
  });

  it('stops waiting for an answer when it is told to', async () => {
    server.faults.add({ trouble: { kind: 'hang' } });
    const wire = new TestWire(server.config());
    const asking = wire.get();
    await until(() => expect(server.requests).toHaveLength(1));
    wire.abort();
    await expect(asking).rejects.toThrow('stop');
  });

  it('goes on over HTTP/1.1 with a server that speaks nothing else', async () => {
    const old = await FakeApiServer.start({ isTls: true });
    const wire = new TestWire(old.config());
    await Promise.all([wire.get(), wire.get()]);
    const { body } = await wire.watch();
    expect(old.watches).toBe(1);
    body.destroy();
    for (const each of opened.splice(0)) each.close();
    await until(() => expect(old.connections).toBe(0));
    await old.close();
  });

  it.each(['GET', 'POST'] as const)(
    'sends a %s on another connection when one says nothing after TLS',
    async (method) => {
      server.stallConnections(1);
      const wire = new TestWire(server.config(), { ...TIMINGS, settingsWithinMs: 50 });
      const body = method === 'POST' ? { metadata: { name: 'x' } } : undefined;
      const answers = await Promise.all([wire.send(method, path, body), wire.get()]);
      expect(answers[0].status).toBe(method === 'POST' ? 201 : 200);
      answers[0].body.destroy();
      expect(server.requests).toHaveLength(2);
      await until(() => expect(server.connections).toBe(1));
    },
  );

  it('gives up, and says why, when every connection stalls; the next request tries again', async () => {
    server.stallConnections(3);
    const wire = new TestWire(server.config(), { ...TIMINGS, settingsWithinMs: 50 });
    await expect(wire.get()).rejects.toMatchObject({
      code: 'kube-timeout',
      message: expect.stringContaining('took a connection and said nothing on it within 0.05 s') as string,
    });
    await expect(wire.get()).resolves.toContain('ConfigMapList');
  });

  it('notices a peer that is gone without a word', async () => {
    const relay = await Relay.start(Number(new URL(server.url).port));
    const config = { ...server.config(), server: new URL(`https://127.0.0.1:${relay.port}`) };
    const wire = new TestWire(config, { ...TIMINGS, pingEveryMs: 20, pingAnswerWithinMs: 200 });
    const reading = textOf(await wire.watch());
    relay.freeze();
    await expect(reading).rejects.toMatchObject({ code: 'ECONNRESET' });
    await relay.stop();
  });
});

/** Passes bytes on. */
class Relay {
  readonly port: number;
  readonly #server: Server;
  readonly #pairs: { readonly near: Socket; readonly far: Socket }[];

  private constructor(relay: Server, pairs: { readonly near: Socket; readonly far: Socket }[]) {
    this.#server = relay;
    this.#pairs = pairs;
    // The address of a listening TCP server is never a string or null.
    this.port = (relay.address() as AddressInfo).port;
  }

  static async start(targetPort: number): Promise<Relay> {
    const pairs: { readonly near: Socket; readonly far: Socket }[] = [];
    const relay = createServer((near) => {
      const far = connect(targetPort, '127.0.0.1');
      for (const socket of [near, far]) socket.on('error', () => {});
      near.pipe(far);
      far.pipe(near);
      pairs.push({ near, far });
    });
    relay.listen(0, '127.0.0.1');
    await once(relay, 'listening');
    return new Relay(relay, pairs);
  }

  /** Keeps back what comes from the server. */
  hold(): void {
    for (const { near } of this.#pairs) near.cork();
  }

  /** Sends what was kept back, at once. */
  async release(): Promise<void> {
    // What the server has answered needs a moment to get here.
    await setTimeout(50);
    for (const { near } of this.#pairs) near.uncork();
  }

  /** Connections stay open, and nothing comes any more, from either side. */
  freeze(): void {
    for (const { near, far } of this.#pairs) for (const socket of [near, far]) socket.unpipe().pause();
  }

  async stop(): Promise<void> {
    for (const { near, far } of this.#pairs) for (const socket of [near, far]) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
