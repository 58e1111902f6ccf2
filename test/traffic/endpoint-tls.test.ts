import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Authorities } from '../../src/model/authorities.ts';
import type { EndpointConnection, EndpointTls } from '../../src/model/http/endpoint-connection.ts';
import { certificateIn, type Certificate } from '../../src/model/secret.ts';
import { admitAuthorities } from '../../src/sources/admit/authorities.ts';
import { admitObject } from '../../src/sources/admit/admit.ts';
import { Authority, type KeyPair } from '../fakes/apiserver/certificates.ts';
import { EngineWorld } from './engine-world.ts';
import { host, routed, to } from './routed.ts';
import { TlsBackend } from './tls-backend.ts';

const authority = new Authority('the authority');
const stranger = new Authority('somebody else');

function authoritiesOf(...some: readonly Authority[]): Authorities {
  const found = admitAuthorities(some.map(({ certificate }) => certificate).join('\n'));
  if (found.kind !== 'authorities') throw new Error(found.message);
  return found.authorities;
}

function certificateOf({ certificate, key }: KeyPair): Certificate {
  const stringData = { 'tls.crt': certificate, 'tls.key': key };
  const change = admitObject({ apiVersion: 'v1', kind: 'Secret', metadata: { name: 'client' }, stringData })?.change;
  const found = change?.table === 'secrets' ? certificateIn(change.value) : undefined;
  if (found === undefined) throw new Error('no certificate');
  return found;
}

function tls(some: Partial<EndpointTls>, version?: EndpointConnection['version']): EndpointConnection {
  const nothing = { serverName: undefined, signedBy: 'anybody', clientCertificate: undefined } as const;
  return { version, tls: { ...nothing, ...some } };
}

/** Whoever fails the verification fails at once. */
const ONE_TRY = { type: 'Retries', attempts: 0, onServerErrors: false } as const;

/** How endpoints are spoken to and verified, on a real HAProxy: what changes of that is changed in one process. */
describe('TLS to endpoints', () => {
  const signed = authoritiesOf(authority);
  const serverName = host('endpoint.test');
  let world: EngineWorld;
  let web: TlsBackend;
  let strict: TlsBackend;
  let ports: ReadonlyMap<string, number>;

  beforeAll(async () => {
    const pair = authority.issue('endpoint', ['endpoint.test', 'a.test']);
    web = await TlsBackend.start('web', pair);
    strict = await TlsBackend.start('strict', pair, authority.certificate);
    ports = new Map([web, strict].map(({ name, port }) => [name, port]));
    world = await EngineWorld.create();
  });

  afterAll(async () => {
    await world.plane.release();
    await world.close();
    await web.stop();
    await strict.stop();
  });

  async function answer(connection: EndpointConnection, service = 'web'): Promise<string> {
    const plan = routed('a.test', [{ target: to(service, connection), filters: [ONE_TRY] }], ports);
    // What the checkpoint says of servers is the same as what the runtime CLI is told.
    expect(await world.check(plan)).toBe('');
    await world.plane.apply(plan, new AbortController().signal);
    const show = ['x-version', 'x-server-name', 'x-client'];
    return world.ask('GET', new URL('http://a.test/'), { show });
  }

  function answered(name: string, version: string, sni: string, client = 'undefined'): string {
    return `200 by ${name}, asked for /, request x-version: ${version}, request x-server-name: ${sni}, request x-client: ${client}`;
  }

  it('asks for the host of the request where there is no other name, and verifies nobody where nobody is to be', async () => {
    expect(await answer(tls({}))).toBe(answered('web', '1.1', 'a.test'));
  });

  it('verifies by an authority and a name, which is the one that is asked for', async () => {
    expect(await answer(tls({ signedBy: signed, serverName }))).toBe(answered('web', '1.1', 'endpoint.test'));
    expect(await answer(tls({ signedBy: signed }))).toBe(answered('web', '1.1', 'a.test'));
    expect(await answer(tls({ signedBy: signed, serverName: host('other.test') }))).toBe('503');
    expect(await answer(tls({ signedBy: authoritiesOf(stranger), serverName }))).toBe('503');
    expect(await answer(tls({ signedBy: 'system', serverName }))).toBe('503');
  });

  it('speaks HTTP/2 where that is wanted', async () => {
    expect(await answer(tls({ signedBy: signed, serverName }, 'h2'))).toBe(answered('web', '2.0', 'endpoint.test'));
    expect(await answer(tls({}, 'h2'))).toBe(answered('web', '2.0', 'a.test'));
  });

  it('shows a certificate to endpoints that ask for one', async () => {
    const client = certificateOf(authority.issue('the gateway'));
    const unknown = certificateOf(stranger.issue('the gateway'));
    expect(await answer(tls({ serverName, signedBy: signed }), 'strict')).toMatch(/^50[23]$/);
    expect(await answer(tls({ serverName, signedBy: signed, clientCertificate: unknown }), 'strict')).toMatch(
      /^50[23]$/,
    );
    expect(await answer(tls({ serverName, signedBy: signed, clientCertificate: client }), 'strict')).toBe(
      answered('strict', '1.1', 'endpoint.test', 'the gateway'),
    );
  });

  it('takes other authorities, and the former ones again, without another process', async () => {
    const both = authoritiesOf(stranger, authority);
    for (const [signedBy, expected] of [
      [signed, answered('web', '1.1', 'endpoint.test')],
      [authoritiesOf(stranger), '503'],
      [both, answered('web', '1.1', 'endpoint.test')],
      [authoritiesOf(stranger), '503'],
      [signed, answered('web', '1.1', 'endpoint.test')],
    ] as const)
      expect(await answer(tls({ signedBy, serverName }))).toBe(expected);
    expect(world.starts).toEqual(['started']);
  });

  it('deletes the files that no server names any more', async () => {
    await answer({ version: undefined, tls: undefined });
    const files = async (): Promise<string> => (await world.cli('show ssl ca-file', 'show ssl cert')).join('\n');
    await expect.poll(files, { timeout: 10_000 }).not.toMatch(/certs\/(?:authorities|client)-/);
  });
});
