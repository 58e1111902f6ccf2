import { once } from 'node:events';
import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Backend, freePort, Lab } from './lab.ts';
import { ingress, service } from './manifest.ts';

/** What the skeleton allows: `tune.h2.fe.max-concurrent-streams`. */
const MAX_STREAMS = 100;

const isRoot = process.getuid?.() === 0;

/** A field of /proc/PID/status, such as `Uid`, as its words. */
function statusField(pid: number, name: string): readonly string[] {
  const text = readFileSync(`/proc/${String(pid)}/status`, 'utf8');
  const value = new RegExp(`^${name}:[ \\t]*(.*)$`, 'm').exec(text)?.[1] ?? 'absent';
  return value.split(/\s+/).filter((word) => word !== '');
}

describe('a hardened HAProxy', () => {
  let backend: Backend;
  let held: Server;
  let inFlight = 0;
  let mostInFlight = 0;
  let begun = 0;
  let lab: Lab;

  beforeAll(async () => {
    backend = await Backend.start('web');
    // Never answers, and counts what it is doing.
    held = createServer((incoming) => {
      begun += 1;
      inFlight += 1;
      mostInFlight = Math.max(mostInFlight, inFlight);
      incoming.on('close', () => (inFlight -= 1));
    });
    const port = await freePort();
    held.listen(port, '127.0.0.1');
    await once(held, 'listening');
    lab = await Lab.create({
      'web.yaml': service('web', [backend.port]) + ingress('web', 'web.test', { '/': 'web' }),
      'held.yaml': service('held', [port]) + ingress('held', 'held.test', { '/': 'held' }),
    });
  });

  afterAll(async () => {
    await lab.stop();
    await backend.stop();
    held.closeAllConnections();
    held.close();
  });

  it.runIf(isRoot)('runs as a user of its own, without rights, in a root of its own', async () => {
    const pid = await lab.enginePid();
    const uid = '61530';
    expect(statusField(pid, 'Uid')).toEqual([uid, uid, uid, uid]);
    expect(statusField(pid, 'Gid')).toEqual([uid, uid, uid, uid]);
    expect(statusField(pid, 'Groups')).toEqual([]);
    expect(statusField(pid, 'CapEff')).toEqual(['0000000000000000']);
    expect(statusField(pid, 'CapPrm')).toEqual(['0000000000000000']);
    expect(readlinkSync(`/proc/${String(pid)}/root`)).not.toBe('/');
  });

  it('gives nobody else access to the admin socket, the state and the keys', async () => {
    await lab.until('the state to be kept', () => Promise.resolve(existsSync(join(lab.root, 'state', 'current'))));
    const modeOf = (path: string): string => (statSync(join(lab.root, 'state', path)).mode & 0o777).toString(8);
    expect(modeOf('admin.sock')).toBe('600');
    expect(modeOf('current')).toBe('700');
    expect(modeOf('self-signed.pem')).toBe('600');
    expect(modeOf('current/certs')).toBe('700');
    expect(modeOf('current/certs/self-signed.pem')).toBe('600');
  });

  it('ends the connection of one who opens and resets requests rapidly, having done next to nothing', async () => {
    const attacker = new RawHttp2(lab.httpPort);
    // That the frames are right shows in a request that is not reset.
    await attacker.send(headersFrame(1, END_HEADERS | END_STREAM));
    await lab.until('the backend to be asked', () => Promise.resolve(begun === 1));
    for (let stream = 3; !attacker.isClosed && stream < 200_000; stream += 200) {
      const pairs = Array.from({ length: 100 }, (_, n) => [
        headersFrame(stream + 2 * n, END_HEADERS | END_STREAM),
        frame(RST_STREAM, 0, stream + 2 * n, CANCEL),
      ]);
      await attacker.send(...pairs.flat());
    }
    expect(attacker.isClosed).toBe(true);
    expect(mostInFlight).toBeLessThanOrEqual(MAX_STREAMS);
    await lab.until('the backend to be rid of it', () => Promise.resolve(inFlight === 0));
    expect((await lab.get('http://web.test/')).status).toBe(200);
    expect(await lab.reloads()).toBe(0);
  });

  it('ends the connection of one whose header fields have no end', async () => {
    const attacker = new RawHttp2(lab.httpPort);
    await attacker.send(headersFrame(1, 0));
    // A literal field: the name "x", and a value of 100 characters.
    const field = Buffer.concat([Buffer.from([0, 1]), Buffer.from('x'), Buffer.from([100]), Buffer.alloc(100, 'y')]);
    for (let sent = 0; !attacker.isClosed && sent < 10_000; sent += 1)
      await attacker.send(frame(CONTINUATION, 0, 1, field));
    expect(attacker.isClosed).toBe(true);
    expect((await lab.get('http://web.test/')).status).toBe(200);
  });
});

const [HEADERS, RST_STREAM, SETTINGS, CONTINUATION] = [1, 3, 4, 9] as const;
const [END_STREAM, END_HEADERS] = [1, 4] as const;
const CANCEL = Buffer.from([0, 0, 0, 8]);

/** HTTP/2 without TLS, written frame by frame: no library sends what an attacker does. */
class RawHttp2 {
  isClosed = false;
  readonly #socket: Socket;

  constructor(port: number) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('close', () => (this.isClosed = true));
    this.#socket.on('error', () => {});
    this.#socket.resume();
    this.#socket.write('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    this.#socket.write(frame(SETTINGS, 0, 0, Buffer.alloc(0)));
  }

  /** Returns once there is room for more, or there never will be. */
  async send(...frames: readonly Buffer[]): Promise<void> {
    this.#socket.write(Buffer.concat(frames));
    // Lets go of the event loop in any case, so that the end of the connection is seen.
    await new Promise((resolve) => setImmediate(resolve));
    while (!this.isClosed && this.#socket.writableNeedDrain) await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** GET http://held.test/ (RFC 7541: three entries of the static table, and a literal for :authority). */
function headersFrame(stream: number, flags: number): Buffer {
  const authority = 'held.test';
  const block = [Buffer.from([0x82, 0x86, 0x84, 0x01, authority.length]), Buffer.from(authority)];
  return frame(HEADERS, flags, stream, Buffer.concat(block));
}

/** A frame of HTTP/2 (RFC 9113 §4.1). */
function frame(type: number, flags: number, stream: number, payload: Buffer): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}
