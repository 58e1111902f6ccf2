import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { silentLogger } from '../../lib/logger.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { hostnameOf } from '../../model/grammar.ts';
import { SecretText } from '../../model/secret-text.ts';
import { certificateId } from '../../compile/l7/certificate.ts';
import type { CertificatePlan, L7Plan } from '../../compile/plan.ts';
import { renderCheckpoint } from './checkpoint.ts';
import { CheckpointStore } from './checkpoint-store.ts';
import { rulesDigest } from './rules.ts';
import { readServedCertificates } from './served-certificates.ts';

const SELF_SIGNED = 'self-signed\n';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-served-'));
});
afterEach(() => rm(folder, { recursive: true }));

function certificate(secret: string, ...hosts: readonly string[]): CertificatePlan {
  return {
    id: certificateId(secret),
    certificate: {
      fingerprint: secret,
      chainPem: `chain of ${secret}`,
      keyPem: new SecretText(`key of ${secret}`),
      dnsNames: [],
      commonName: '',
      notBeforeMs: 0,
      notAfterMs: 0,
    },
    serverNames: hosts.flatMap((host) => hostnameOf(host) ?? []).sort(),
  };
}

async function keep(certificates: readonly CertificatePlan[], defaultSecret?: string): Promise<void> {
  const plan: L7Plan = {
    hosts: PersistentMap.empty(),
    backends: PersistentMap.empty(),
    authorities: PersistentMap.empty(),
    clientCertificates: PersistentMap.empty(),
    passwords: PersistentMap.empty(),
    certificates: PersistentMap.from(certificates.map((item) => [item.id, item])),
    defaultCertificate: defaultSecret === undefined ? undefined : certificateId(defaultSecret),
    reserve: 0,
    tlsListeners: PersistentMap.empty(),
    engine: {},
  };
  const store = new CheckpointStore(folder, rulesDigest());
  await store.layDown(renderCheckpoint(plan, SELF_SIGNED));
  await store.keep();
}

function read(secret?: string): Promise<ReadonlyMap<string, string>> {
  return readServedCertificates(folder, { secret, selfSignedPem: SELF_SIGNED }, silentLogger);
}

const pemOf = (secret: string): string => `chain of ${secret}\nkey of ${secret}\n`;

it('finds every certificate by its Secret, however many names and lines it has', async () => {
  const many = Array.from({ length: 1_500 }, (_, index) => `host-${String(index)}.test`);
  await keep([certificate('shop/tls', 'a.test', '*.b.test'), certificate('blog/many.names', ...many)]);
  const expected = ['shop/tls', 'blog/many.names'].map((secret) => [secret, pemOf(secret)] as const);
  expect(await read()).toEqual(new Map(expected));
});

it('finds the default certificate by the Secret that flags name, and not the self-signed one', async () => {
  await keep([certificate('shop/default')], 'shop/default');
  expect([...(await read('shop/default'))]).toEqual([['shop/default', pemOf('shop/default')]]);
  expect([...(await read())]).toEqual([]);
  await keep([]);
  expect([...(await read('shop/default'))]).toEqual([]);
});

it('takes no certificate for that of a Secret whose name its file has only a part of', async () => {
  await keep([certificate(`shop/${'a'.repeat(200)}`, 'a.test'), certificate('shop/tls', 'b.test')]);
  expect([...(await read()).keys()]).toEqual(['shop/tls']);
});

it('finds none where nothing was served', async () => {
  expect([...(await read('shop/default'))]).toEqual([]);
});
