import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { askApi } from './api.ts';

let server: Server;
let folder: string;
let answer: { readonly status: number; readonly text: string };
let shown: string | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-cli-api-'));
  server = createServer(({ headers }, response) => {
    shown = headers.authorization;
    response.writeHead(answer.status).end(answer.text);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true });
});

function ask(host: string, apiTokenFile?: string): Promise<unknown> {
  // The address of a listening TCP server is never a string or null.
  const { port } = server.address() as AddressInfo;
  return askApi({ apiAddress: `${host}:${port}`, apiTokenFile }, '/api/v1/version');
}

it('gives the object that is answered', async () => {
  answer = { status: 200, text: '{"version":"1"}' };
  expect(await ask('127.0.0.1')).toEqual({ version: '1' });
  expect(await ask('localhost')).toEqual({ version: '1' });
  expect(shown).toBeUndefined();
});

it('shows the token of the file', async () => {
  answer = { status: 200, text: '{}' };
  await writeFile(join(folder, 'token'), 'the-token\n');
  await ask('127.0.0.1', join(folder, 'token'));
  expect(shown).toBe('Bearer the-token');
  await expect(ask('127.0.0.1', join(folder, 'none'))).rejects.toThrow(/^the token cannot be read from .*none: ENOENT/);
});

it.each([
  [{ status: 401, text: '{"error":"the token is needed"}' }, /^the token is needed$/],
  [{ status: 200, text: 'hello' }, /^127\.0\.0\.1:\d+ answered 200; is that the API of Sluice\?/],
  [{ status: 502, text: '<html>' }, /^127\.0\.0\.1:\d+ answered 502; is that the API of Sluice\?/],
])('says what is wrong with %j', async (given, message) => {
  answer = given;
  await expect(ask('127.0.0.1')).rejects.toThrow(message);
});

it('says where nobody answers', async () => {
  const asking = { apiAddress: '127.0.0.1:1', apiTokenFile: undefined };
  await expect(askApi(asking, '/')).rejects.toThrow(
    /^no Sluice answers on 127\.0\.0\.1:1: connect ECONNREFUSED 127\.0\.0\.1:1\. Start one/,
  );
});
