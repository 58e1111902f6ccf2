import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, Lab, Load } from './lab.ts';
import {
  CANCEL,
  FLAG,
  FRAME,
  frame,
  getFields,
  INITIAL_WINDOW_SIZE,
  indexedLiteral,
  LATEST_FIELD,
  literal,
  RawHttp2,
  setting,
} from './http2-frames.ts';
import { ingress, service } from './manifest.ts';

/** What the skeleton allows: `tune.h2.fe.max-concurrent-streams`. */
const MAX_STREAMS = 100;
const CONNECTIONS = 20;

/** How much larger HAProxy may become for each connection of an attack, in megabytes; docs/reference/http2-limits.md has it. */
const MEGABYTES_PER_CONNECTION = 10;

const NO_WINDOW = setting(INITIAL_WINDOW_SIZE, 0);
const END = FLAG.endHeaders | FLAG.endStream;

function get(stream: number, path: string, ...more: readonly Buffer[]): Buffer {
  return frame(FRAME.headers, END, stream, getFields('held.test', path, ...more));
}

/** Opens every stream that is allowed, each with a request that stays open. */
async function openAll(attacker: RawHttp2, request: (stream: number) => Buffer): Promise<void> {
  for (let n = 0; n < MAX_STREAMS; n += 1) await attacker.send(request(1 + 2 * n));
}

/** Sends the same frames until the other side takes no more, or enough have gone. */
async function flood(attacker: RawHttp2, frames: Buffer, times: number): Promise<void> {
  const burst = Buffer.concat(Array.from({ length: 500 }, () => frames));
  for (let sent = 0; sent < times && !attacker.isClosed && !attacker.isBlocked; sent += 500) await attacker.send(burst);
}

/** Opens streams and ends each at once, by whatever `end` sends for it. */
async function openAndEnd(attacker: RawHttp2, end: (stream: number) => Buffer): Promise<void> {
  for (let stream = 1; !attacker.isClosed && stream < 100_000; stream += 200) {
    const pairs = Array.from({ length: 100 }, (_, n) => [get(stream + 2 * n, '/hang'), end(stream + 2 * n)]);
    await attacker.send(...pairs.flat());
  }
}

/** Fields that are one byte each on the wire, behind the one that they stand for. */
function bomb(name: string, value: string, count: number): readonly Buffer[] {
  return [indexedLiteral(name, value), ...Array.from({ length: count }, () => LATEST_FIELD)];
}

interface Attack {
  readonly settings?: readonly Buffer[];
  /** Whether HAProxy is to end the connection by itself. */
  readonly isEnded: boolean;
  readonly run: (attacker: RawHttp2) => Promise<void>;
}

const ATTACKS: Readonly<Record<string, Attack>> = {
  'a bomb of 4,000 fields (CVE-2026-49975)': {
    settings: [NO_WINDOW],
    isEnded: true,
    run: (attacker) => attacker.send(get(1, '/hang', ...bomb('a', '', 4000))),
  },
  'a bomb of cookies (CVE-2026-49975)': {
    settings: [NO_WINDOW],
    isEnded: true,
    run: (attacker) => attacker.send(get(1, '/hang', ...bomb('cookie', 'c', 4000))),
  },
  'a bomb of few, large fields (CVE-2016-6581)': {
    settings: [NO_WINDOW],
    isEnded: true,
    run: (attacker) => attacker.send(get(1, '/hang', ...bomb('a', 'b'.repeat(4000), 90))),
  },
  'bombs within the limits on all streams, held by a window of zero (CVE-2026-47774)': {
    settings: [NO_WINDOW],
    isEnded: false,
    run: async (attacker) => {
      await attacker.send(get(1, '/hang', indexedLiteral('cookie', 'c'.repeat(100))));
      const refs = Array.from({ length: 90 }, () => LATEST_FIELD);
      for (let n = 1; n < MAX_STREAMS; n += 1) await attacker.send(get(1 + 2 * n, '/hang', ...refs));
    },
  },
  'large answers that nobody takes': {
    settings: [NO_WINDOW],
    isEnded: false,
    run: (attacker) => openAll(attacker, (stream) => get(stream, '/big')),
  },
  'large answers that are taken a byte at a time': {
    settings: [setting(INITIAL_WINDOW_SIZE, 1)],
    isEnded: false,
    run: async (attacker) => {
      await openAll(attacker, (stream) => get(stream, '/big'));
      const more = Array.from({ length: MAX_STREAMS }, (_, n) =>
        frame(FRAME.windowUpdate, 0, 1 + 2 * n, Buffer.from([0, 0, 0, 1])),
      );
      for (let round = 0; round < 20; round += 1) await attacker.send(...more);
    },
  },
  'uploads that never end': {
    isEnded: false,
    run: (attacker) =>
      openAll(attacker, (stream) =>
        Buffer.concat([
          frame(FRAME.headers, FLAG.endHeaders, stream, getFields('held.test', '/hang')),
          frame(FRAME.data, 0, stream, Buffer.alloc(600)),
        ]),
      ),
  },
  'requests that are reset at once (CVE-2023-44487)': {
    isEnded: true,
    run: (attacker) => openAndEnd(attacker, (stream) => frame(FRAME.resetStream, 0, stream, CANCEL)),
  },
  'requests that HAProxy is made to reset (CVE-2025-8671)': {
    isEnded: true,
    run: (attacker) => openAndEnd(attacker, (stream) => frame(FRAME.windowUpdate, 0, stream, Buffer.alloc(4))),
  },
  'header fields without end (CVE-2024-27316)': {
    isEnded: true,
    run: async (attacker) => {
      await attacker.send(frame(FRAME.headers, 0, 1, getFields('held.test', '/')));
      await flood(attacker, frame(FRAME.continuation, 0, 1, literal('x', 'y'.repeat(100))), 10_000);
    },
  },
  'empty continuations without end': {
    isEnded: false,
    run: async (attacker) => {
      await attacker.send(frame(FRAME.headers, 0, 1, getFields('held.test', '/')));
      await flood(attacker, frame(FRAME.continuation, 0, 1), 50_000);
    },
  },
  'pings whose answers nobody reads (CVE-2019-9512)': {
    isEnded: false,
    run: async (attacker) => {
      attacker.stopReading();
      await flood(attacker, frame(FRAME.ping, 0, 0, Buffer.alloc(8)), 100_000);
    },
  },
  'settings whose answers nobody reads (CVE-2019-9515)': {
    isEnded: false,
    run: async (attacker) => {
      attacker.stopReading();
      await flood(attacker, frame(FRAME.settings, 0, 0), 100_000);
    },
  },
  'windows that grow and shrink': {
    isEnded: true,
    run: (attacker) => {
      const [small, large] = [1, 65_535].map((size) => frame(FRAME.settings, 0, 0, setting(INITIAL_WINDOW_SIZE, size)));
      return flood(attacker, Buffer.concat([small ?? Buffer.of(), large ?? Buffer.of()]), 50_000);
    },
  },
  'empty frames of data (CVE-2019-9518)': {
    isEnded: false,
    run: async (attacker) => {
      await attacker.send(frame(FRAME.headers, FLAG.endHeaders, 1, getFields('held.test', '/hang')));
      await flood(attacker, frame(FRAME.data, 0, 1), 50_000);
    },
  },
  'priorities (CVE-2019-9513)': {
    isEnded: false,
    run: (attacker) => flood(attacker, frame(FRAME.priority, 0, 1, Buffer.from([0, 0, 0, 3, 1])), 50_000),
  },
};

describe('an attack by HTTP/2', () => {
  let service80: Server;
  let lab: Lab;
  let inFlight = 0;
  let mostInFlight = 0;
  /** Before any attack: what HAProxy has taken it keeps for the next. */
  let atFirst = 0;

  beforeAll(async () => {
    const large = Buffer.alloc(1024 * 1024, 'x');
    service80 = createServer((incoming, outgoing) => {
      incoming.resume();
      inFlight += 1;
      mostInFlight = Math.max(mostInFlight, inFlight);
      outgoing.on('close', () => (inFlight -= 1));
      if (incoming.url === '/big') outgoing.end(large);
      else if (incoming.url !== '/hang') outgoing.end('ok');
    });
    const port = await freePort();
    service80.listen(port, '127.0.0.1');
    await once(service80, 'listening');
    lab = await Lab.create({
      'web.yaml':
        service('web', [port]) +
        ingress('web', 'web.test', { '/': 'web' }) +
        ingress('held', 'held.test', { '/': 'web' }),
    });
    await lab.get('http://web.test/');
    atFirst = await megabytes();
  });

  afterAll(async () => {
    service80.closeAllConnections();
    service80.close();
    await lab.stop();
  });

  async function megabytes(): Promise<number> {
    const text = readFileSync(`/proc/${String(await lab.enginePid())}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(text)?.[1]) / 1024;
  }

  it.each(Object.entries(ATTACKS))('%s: others are served, and the memory stays within bounds', async (_, attack) => {
    const load = new Load(lab, ['http://web.test/'], 2);
    const attackers = Array.from({ length: CONNECTIONS }, () => new RawHttp2(lab.httpPort, ...(attack.settings ?? [])));
    let during = Infinity;
    try {
      await Promise.all(attackers.map((attacker) => attack.run(attacker)));
      if (attack.isEnded) {
        const isOver = (): Promise<boolean> => Promise.resolve(attackers.every(({ isClosed }) => isClosed));
        await lab.until('the connections to be ended', isOver);
      }
      // What is held is asked for while all of it is.
      const served = load.sent;
      await lab.until('others to be served', () => Promise.resolve(load.sent > served + 20));
      during = await megabytes();
    } finally {
      // Otherwise the attack goes on into the tests that follow.
      for (const attacker of attackers) attacker.end();
      await load.stop();
    }
    expect(load.failures).toEqual([]);
    expect(during - atFirst).toBeLessThan(CONNECTIONS * MEGABYTES_PER_CONNECTION);
    await lab.until('the endpoints to be rid of it', () => Promise.resolve(inFlight === 0));
    expect(mostInFlight).toBeLessThanOrEqual(CONNECTIONS * MAX_STREAMS + 2);
    expect(await lab.reloads()).toBe(0);
  });

  it('by headers that drip ends by the time that a request has', async () => {
    const attacker = new RawHttp2(lab.httpPort);
    await attacker.send(frame(FRAME.headers, 0, 1, getFields('held.test', '/')));
    while (!attacker.isClosed) {
      await attacker.send(frame(FRAME.continuation, 0, 1, literal('x', 'y')));
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
    expect((await lab.get('http://web.test/')).status).toBe(200);
  });
});
