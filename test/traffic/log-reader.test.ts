import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Backend, Lab } from './lab.ts';
import { ingress, service } from './manifest.ts';

interface Line {
  readonly log?: string;
  readonly msg?: string;
  readonly lines?: number;
  readonly path?: string;
}

/** A pipe with both logs in it, which is read when the test wants it. */
class Pipe {
  readonly path: string;
  readonly #descriptor: number;
  #socket: Socket | undefined;
  #isClosed = false;
  text = '';

  constructor(folder: string) {
    this.path = join(folder, 'log');
    execFileSync('mkfifo', [this.path]);
    // Without a reader there is no writing end.
    this.#descriptor = openSync(this.path, constants.O_RDONLY | constants.O_NONBLOCK);
  }

  read(): void {
    this.#socket = new Socket({ fd: this.#descriptor, readable: true, writable: false });
    this.#socket.on('data', (chunk: Buffer) => (this.text += chunk.toString()));
  }

  async end(): Promise<void> {
    if (this.#socket?.readableEnded === false) await once(this.#socket, 'end');
  }

  /** What has come so far; the last line may be in pieces. */
  get lines(): readonly Line[] {
    const whole = this.text.slice(0, this.text.lastIndexOf('\n') + 1);
    return whole
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#socket === undefined) closeSync(this.#descriptor);
    else this.#socket.destroy();
  }
}

describe('a log whose reader hangs', () => {
  let backend: Backend;
  let lab: Lab;
  let pipe: Pipe;
  let sent = 0;

  beforeAll(async () => {
    backend = await Backend.start('web');
  });

  afterAll(() => backend.stop());

  beforeEach(async () => {
    sent = 0;
    lab = await Lab.forFolder();
    pipe = new Pipe(lab.root);
    lab.accessLogFile = pipe.path;
    lab.logFile = pipe.path;
    await lab.write('web.yaml', service('web', [backend.port]) + ingress('web', 'web.test', { '/': 'web' }));
    await lab.start();
  });

  afterEach(async () => {
    await lab.stop();
    pipe.close();
  });

  async function requests(count: number): Promise<void> {
    const path = 'x'.repeat(1000);
    const left = Array.from({ length: count }, () => `http://web.test/${path}`);
    const one = async (): Promise<void> => {
      for (let url = left.pop(); url !== undefined; url = left.pop()) await lab.get(url);
    };
    await Promise.all(Array.from({ length: 32 }, one));
    sent += count;
  }

  const dropped = (): Promise<number> => lab.metric('sluice_access_log_dropped_total');
  const counted = (): Promise<number> => lab.metric('sluice_requests_total{route="default/web",status="200"}');
  const accessLines = (): readonly Line[] => pipe.lines.filter(({ log }) => log === 'access');

  async function changeIsServed(name: string): Promise<void> {
    await lab.write(`${name}.yaml`, ingress(name, `${name}.test`, { '/': 'web' }));
    await lab.until('the change', async () => (await lab.get(`http://${name}.test/`)).status === 200);
    expect((await lab.api('/livez')).status).toBe(200);
  }

  it('holds nothing up, and learns how much it has missed', async () => {
    await requests(100);
    await changeIsServed('early');
    while (Number.isNaN(await dropped()) || (await dropped()) === 0) await requests(1000);
    await changeIsServed('late');
    // Every request is counted, whether it is in the log or not.
    await lab.until('all to be counted', async () => (await counted()) >= sent);
    const lost = await dropped();
    pipe.read();
    await lab.until('the gap to be told', () => Promise.resolve(pipe.lines.some(({ lines }) => lines === lost)));
    expect(pipe.lines.filter(({ lines }) => lines !== undefined)).toMatchObject([
      { msg: expect.stringContaining('access log were lost'), lines: lost },
    ]);
    expect(accessLines().filter(({ path }) => path?.startsWith('/xxx') === true)).not.toHaveLength(sent);
    const before = accessLines().length;
    await requests(1);
    await lab.until('the next line', () => Promise.resolve(accessLines().length > before));
    expect(await dropped()).toBe(lost);
  });

  it('gets all that waits for it when the program ends', async () => {
    await requests(500);
    lab.agent.destroy();
    const ended = lab.signal('SIGTERM');
    pipe.read();
    await ended;
    await pipe.end();
    expect(accessLines()).toHaveLength(sent);
    expect(pipe.lines.filter(({ msg }) => msg?.startsWith('ending') === true)).toHaveLength(1);
    expect(pipe.text.at(-1)).toBe('\n');
  });

  it('cannot keep the program from ending', async () => {
    await requests(500);
    lab.agent.destroy();
    await lab.signal('SIGTERM');
    expect((await lab.api('/livez')).status).toBe(0);
  });

  it('may go away altogether', async () => {
    pipe.close();
    await requests(10);
    await changeIsServed('later');
    await lab.until('what is lost to be counted', async () => (await dropped()) >= sent);
  });
});

it('a full disk costs the log and nothing else', async () => {
  const backend = await Backend.start('web');
  const lab = await Lab.forFolder();
  lab.accessLogFile = '/dev/full';
  await lab.write('web.yaml', service('web', [backend.port]) + ingress('web', 'web.test', { '/': 'web' }));
  await lab.start();
  try {
    expect((await lab.get('http://web.test/')).status).toBe(200);
    await lab.until('it to be counted', async () => (await lab.metric('sluice_access_log_dropped_total')) === 1);
    expect((await lab.get('http://web.test/')).status).toBe(200);
    await lab.until('the next', async () => (await lab.metric('sluice_access_log_dropped_total')) === 2);
  } finally {
    await lab.stop();
    await backend.stop();
  }
});

describe('a bug', () => {
  const ending = new URL('../../src/app/ending.ts', import.meta.url).href;
  const program = `
    const { crashOnceWritten } = await import(${JSON.stringify(ending)});
    crashOnceWritten();
    process.stderr.write('x'.repeat(1_000_000) + '\\n');
    setInterval(() => {}, 1000);
    throw new Error('a bug');
  `;

  it.each([
    ['once what led to it is read', true],
    ['though nobody reads', false],
  ])('ends the program %s', async (_, isRead) => {
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = once(child, 'exit');
    const text: string[] = [];
    if (isRead) {
      // By now the pipe is full.
      await once(child.stderr, 'readable');
      for await (const chunk of child.stderr) text.push(String(chunk));
    }
    expect(await ended).toEqual([1, null]);
    if (isRead) expect(text.join('')).toMatch(/^x{1000000}\nError: a bug\n {4}at /);
  });
});
