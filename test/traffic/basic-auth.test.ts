import { createHash } from 'node:crypto';
import { createServer, request } from 'node:http';
import { connect } from 'node:net';
import { hashSync } from 'bcryptjs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { PersistentMap } from '../../src/lib/persistent-map.ts';
import { md5Crypt } from '../../src/lib/md5-crypt.ts';
import { shaCrypt } from '../../src/lib/sha-crypt.ts';
import { realmOf, NO_REALM, type BasicAuth } from '../../src/model/http/filter/basic-auth.ts';
import { passwordFileIdOf, passwordLinesOf } from '../../src/model/password-file.ts';
import { SecretText } from '../../src/model/secret-text.ts';
import { EngineWorld } from './engine-world.ts';
import { Backend } from './lab.ts';
import { prefix, routed, type RuleText } from './routed.ts';

function basicAuth(written: string, realm = 'the shop'): BasicAuth {
  const text = bytes(written).toString('latin1');
  const id = passwordFileIdOf(createHash('sha256').update(text).digest('hex').slice(0, 40));
  if (id === undefined) throw new Error('a digest names a password file');
  const passwords = { id, text: new SecretText(text), unusableLines: passwordLinesOf(text).unusable };
  return { type: 'BasicAuth', realm: realmOf(realm) ?? NO_REALM, passwords };
}

const bytes = (text: string): Buffer => Buffer.from(text);

/** One user for each way of writing a password. */
const HASHES: Readonly<Record<string, string>> = {
  plain: '{PLAIN}pässword',
  sha: `{SHA}${createHash('sha1').update('pässword').digest('base64')}`,
  apr1: md5Crypt(bytes('pässword'), '$apr1$', 'saltsalt'),
  md5: md5Crypt(bytes('pässword'), '$1$', 'saltsalt'),
  sha256: shaCrypt(bytes('pässword'), '$5$', 'saltsalt', 1000),
  sha512: shaCrypt(bytes('pässword'), '$6$', 'saltsalt', undefined),
  bcrypt: hashSync('pässword', 4),
};

const USERS = Object.entries(HASHES)
  .map(([name, hash]) => `${name}:${hash}\n`)
  .join('');

function headersOf(user: string, password: string): Readonly<Record<string, string>> {
  return { authorization: `Basic ${bytes(`${user}:${password}`).toString('base64')}` };
}

describe('basic authentication', () => {
  let world: EngineWorld;
  let web: Backend;

  beforeAll(async () => {
    world = await EngineWorld.create();
    web = await Backend.start('web');
  });

  afterAll(async () => {
    await world.plane.release();
    await world.close();
    await web.stop();
  });

  async function serve(...rules: readonly RuleText[]): Promise<void> {
    const ports = new Map([['web', web.port]]);
    await world.plane.apply(routed('a.test', rules, ports), new AbortController().signal);
  }

  async function statusOf(headers: Readonly<Record<string, string>>, path = '/'): Promise<string> {
    return (await world.ask('GET', new URL(path, 'http://a.test'), { headers })).slice(0, 3);
  }

  it.each(Object.keys(HASHES))('takes a password written as %s, and no other', async (user) => {
    await serve({ filters: [basicAuth(USERS)] });
    expect(await statusOf(headersOf(user, 'pässword'))).toBe('200');
    // Once more, which HAProxy answers from what it knows.
    expect(await statusOf(headersOf(user, 'pässword'))).toBe('200');
    for (const wrong of ['', 'passwort', 'pässword ', 'Pässword', 'pässword\0', HASHES[user] ?? ''])
      expect(await statusOf(headersOf(user, wrong)), wrong).toBe('401');
  });

  it('asks for a name and a password, with the realm, and gives the backend neither', async () => {
    await serve({ filters: [basicAuth(USERS)] });
    const asked = await world.ask('GET', new URL('http://a.test/'), { show: ['www-authenticate'] });
    expect(asked).toBe('401, response www-authenticate: Basic realm="the shop"');
    const options = { headers: headersOf('plain', 'pässword'), show: ['authorization'] };
    expect(await world.ask('GET', new URL('http://a.test/'), options)).toBe('200 by web, asked for /');
  });

  it.each([
    'Basic',
    'Basic ',
    'Basic !!!',
    'Basic cGxhaW4=',
    'Basic Og==',
    `Bearer ${bytes('plain:pässword').toString('base64')}`,
    `Basic ${bytes('nobody:pässword').toString('base64')}`,
    `Basic ${bytes('plain:x').toString('base64')}, Basic ${bytes('plain:pässword').toString('base64')}`,
  ])('lets nobody in who says "%s"', async (authorization) => {
    await serve({ filters: [basicAuth(USERS)] });
    expect(await statusOf({ authorization })).toBe('401');
  });

  it('asks nobody about what cannot be asked', async () => {
    await serve({ filters: [basicAuth(USERS)] });
    const status = await new Promise((resolve, reject) => {
      const socket = connect(world.ports.http, '127.0.0.1');
      socket.on('data', (answer: Buffer) => resolve(answer.toString().slice(9, 12))).on('error', reject);
      // A header that node:http would not send, nor take.
      socket.end('GET / HTTP/1.1\r\nhost: a.test\r\nauthorization: Basic \u0001\r\n\r\n');
    });
    expect(status).toBe('401');
  });

  it('checks with the passwords that are served, for as long as others cannot be', async () => {
    const { passwords } = basicAuth('ann:{PLAIN}still\n');
    await serve({ filters: [basicAuth('ann:{PLAIN}still\n')] });
    world.passwords.hold(PersistentMap.empty(), PersistentMap.from([[passwords.id, passwords]]));
    const now = performance.now.bind(performance);
    const later = vi.spyOn(performance, 'now').mockImplementation(() => now() + 3_600_000);
    world.passwords.hold(PersistentMap.empty(), undefined);
    expect(await statusOf(headersOf('ann', 'still'))).toBe('200');
    later.mockRestore();
  });

  it('of 10,000 requests by many clients, those with the right password are let in, and no others', async () => {
    await serve({ filters: [basicAuth(USERS)] });
    const users = Object.keys(HASHES);
    const wrong: string[] = [];
    const ask = async (index: number): Promise<void> => {
      const user = users[index % users.length] ?? '';
      const isRight = index % 3 !== 0;
      const status = await statusOf(headersOf(user, isRight ? 'pässword' : `wrong ${String(index % 40)}`));
      if (status !== (isRight ? '200' : '401')) wrong.push(`${user} ${String(index)} ${status}`);
    };
    for (let start = 0; start < 10_000; start += 20)
      await Promise.all(Array.from({ length: 20 }, (_, index) => ask(start + index)));
    expect(wrong).toEqual([]);
  });

  it('Sluice away: who was let in before goes on, others are refused and nobody else is harmed; back again: all as before', async () => {
    await serve({ filters: [basicAuth(USERS)] }, { match: prefix('/open'), filters: [] });
    expect(await statusOf(headersOf('bcrypt', 'pässword'))).toBe('200');
    await world.passwords.close();
    const refused = statusOf(headersOf('plain', 'other'));
    expect(await statusOf(headersOf('bcrypt', 'pässword'))).toBe('200');
    expect(await statusOf({}, '/open')).toBe('200');
    expect(await refused).toBe('503');
    const waiting = statusOf(headersOf('sha', 'pässword'));
    await world.restartPasswords();
    expect(await waiting).toBe('200');
    expect(await statusOf(headersOf('plain', 'other'))).toBe('401');
  });

  it('nobody who takes the name of the socket is believed, and nobody else is answered', async () => {
    await serve({ filters: [basicAuth(USERS)] });
    await world.passwords.close();
    const impostor = createServer((_, response) => response.writeHead(200, { 'x-proof': 'YES' }).end());
    await new Promise<void>((resolve) => impostor.listen(`\0${world.passwordSocket}`, resolve));
    expect(await statusOf(headersOf('plain', 'guess'))).toBe('503');
    await new Promise((resolve) => impostor.close(resolve));
    await world.restartPasswords();
    const status = await new Promise((resolve, reject) => {
      const asked = request({ socketPath: `\0${world.passwordSocket}`, path: '/', headers: { 'x-proof': 'x' } });
      asked.on('response', ({ statusCode }) => resolve(statusCode)).on('error', reject);
      asked.end();
    });
    expect(status).toBe(403);
  });

  it('who was let in is not, as soon as the passwords are others; nor by another route', async () => {
    const before = basicAuth('ann:{PLAIN}one\n');
    await serve({ filters: [before] });
    expect(await statusOf(headersOf('ann', 'one'))).toBe('200');
    await serve({ filters: [basicAuth('ann:{PLAIN}two\n')] }, { match: prefix('/p'), filters: [before] });
    expect(await statusOf(headersOf('ann', 'one'))).toBe('401');
    expect(await statusOf(headersOf('ann', 'two'))).toBe('200');
    expect(await statusOf(headersOf('ann', 'one'), '/p')).toBe('200');
    expect(await statusOf(headersOf('ann', 'two'), '/p')).toBe('401');
  });
});
