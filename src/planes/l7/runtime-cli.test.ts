import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { payload } from './command.ts';
import { RuntimeCli } from './runtime-cli.ts';

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
    const replies = cli.send([payload('add map routes.map', ['a b']), payload('set ssl cert x', ['pem'])]);
    for (const character of answer) {
      socket.write(character);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await replies).toEqual(['', 'Transaction created for certificate x!']);
    cli.close();
  });
});
