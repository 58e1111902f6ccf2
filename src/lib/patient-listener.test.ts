import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { expect, it } from 'vitest';
import { PatientListener } from './patient-listener.ts';

const host = '127.0.0.1';

async function holder(): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer();
  server.listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return { server, port: address.port };
}

it('listens at once where it can, and says so by no error', async () => {
  const { server, port } = await holder();
  server.close();
  await once(server, 'close');
  const own = createServer();
  const listener = new PatientListener(own, { host, port }, () => expect.unreachable());
  expect(await listener.listen()).toBeUndefined();
  expect(own.listening).toBe(true);
  await listener.close();
  expect(own.listening).toBe(false);
});

it('says why it cannot, and listens as soon as the address is free', async () => {
  const { server, port } = await holder();
  const own = createServer();
  const later = Promise.withResolvers<void>();
  const listener = new PatientListener(own, { host, port }, later.resolve);
  expect(await listener.listen()).toMatchObject({ code: 'EADDRINUSE' });
  expect(own.listening).toBe(false);
  server.close();
  await later.promise;
  expect(own.listening).toBe(true);
  await listener.close();
});

it('gives up when it is closed before', async () => {
  const { server, port } = await holder();
  const listener = new PatientListener(createServer(), { host, port }, () => expect.unreachable());
  await listener.listen();
  await listener.close();
  server.close();
  await once(server, 'close');
  const other = createServer();
  other.listen(port, host);
  await once(other, 'listening');
  other.close();
});
