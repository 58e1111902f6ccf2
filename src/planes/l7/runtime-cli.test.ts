import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FakeHaproxyCli } from '../../../test/fakes/haproxy-cli.ts';
import { RuntimeCli } from './runtime-cli.ts';
import { printStep } from './step.ts';

describe('RuntimeCli', () => {
  let folder: string;
  let server: Server;
  let peer: Promise<Socket>;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-cli-'));
    server = createServer();
    peer = once(server, 'connection').then(([socket]: Socket[]) => {
      if (socket === undefined) throw new Error('a connection');
      // The answer to the command that turns prompts on.
      socket.once('data', () => socket.write('\n> '));
      return socket;
    });
    server.listen(join(folder, 'admin.sock'));
    await once(server, 'listening');
  });
  afterEach(async () => {
    (await peer).destroy();
    server.close();
    await rm(folder, { recursive: true });
  });

  it.each([
    ['the whole', '\n> Transaction created for certificate x!\n\n> '],
    ['two parts', '+ \n> + Transaction created for certificate x!\n\n> '],
    ['many parts', '+ + + \n> + + Transaction created for certificate x!\n\n> '],
  ])('has the answers to payloads that HAProxy reads in %s', async (_, answer) => {
    const cli = await RuntimeCli.open(join(folder, 'admin.sock'));
    const socket = await peer;
    socket.on('data', () => {});
    const certificate = { kind: 'set-certificate', file: 'x', pem: ['pem'] } as const;
    const steps = [{ kind: 'add-routes', map: 'routes.map', lines: ['a b'] } as const, certificate];
    const replies = cli.send(steps.map((step) => printStep(step, '')));
    for (const character of answer) {
      socket.write(character);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await replies).toEqual(['', 'Transaction created for certificate x!']);
    cli.close();
  });
});

describe('RuntimeCli on a HAProxy that stands still', () => {
  const STEP_MS = 1_000;
  let folder: string;
  let haproxy: FakeHaproxyCli;
  let cli: RuntimeCli;
  beforeEach(async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    folder = await mkdtemp(join(tmpdir(), 'sluice-cli-'));
    haproxy = await FakeHaproxyCli.listen(join(folder, 'admin.sock'), 1);
    cli = await RuntimeCli.open(join(folder, 'admin.sock'), 10 * STEP_MS);
  });
  afterEach(async () => {
    cli.close();
    await haproxy.close();
    vi.useRealTimers();
    await rm(folder, { recursive: true });
  });

  it('gives the connection up once nothing has come for the whole time, and says so to whoever asks', async () => {
    haproxy.standStill();
    const closed = new Promise((resolve) => cli.onClose(resolve));
    const said: unknown[] = [];
    const sent = cli.send(['show info', 'show version']).catch((thrown: unknown) => said.push(thrown));
    vi.advanceTimersByTime(9 * STEP_MS);
    await new Promise((resolve) => setImmediate(resolve));
    expect(said).toEqual([]);
    vi.advanceTimersByTime(STEP_MS);
    await sent;
    const fault = { code: 'haproxy-silent', message: 'HAProxy has not answered on its runtime CLI for 10 seconds' };
    expect(said).toMatchObject([fault]);
    expect(await closed).toBe(true);
    await expect(cli.send(['show info'])).rejects.toMatchObject(fault);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('waits for as long as something comes', async () => {
    haproxy.standStill();
    const replies = [1, 2, 3].map(() => cli.send(['show info']));
    for (const reply of replies) {
      vi.advanceTimersByTime(9 * STEP_MS);
      // What was sent has to have arrived.
      await vi.waitFor(() => expect(haproxy.waiting).toBeGreaterThan(0), { interval: 1 });
      haproxy.answerOne();
      expect(await reply).toEqual(['Pid: 1']);
    }
  });

  it('bears with a HAProxy that says nothing because it was not asked', async () => {
    vi.advanceTimersByTime(100 * STEP_MS);
    expect(await cli.send(['show info'])).toEqual(['Pid: 1']);
    vi.advanceTimersByTime(100 * STEP_MS);
    expect(await cli.send(['show info'])).toEqual(['Pid: 1']);
  });

  it('is not opened to one that takes connections and nothing else', async () => {
    haproxy.standStill();
    const opened = expect(RuntimeCli.open(join(folder, 'admin.sock'), 10 * STEP_MS)).rejects.toMatchObject({
      code: 'haproxy-silent',
    });
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
    vi.advanceTimersByTime(10 * STEP_MS);
    await opened;
  });
});
