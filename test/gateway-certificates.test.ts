/** The certificate of a listener of a Gateway while the Secret that it names now has yet to be read. */
import { expect, it } from 'vitest';
import { Compiler } from '../src/compile/compiler.ts';
import { NO_NODE_FACTS } from '../src/compile/settings.ts';
import { Store } from '../src/sources/store.ts';
import { Authority } from './fakes/apiserver/certificates.ts';
import { changesOf } from './golden/compile-manifest.ts';
import { settingsOf } from './golden/golden-case.ts';

const authority = new Authority('gateway');

function object(apiVersion: string, kind: string, name: string, rest: object): string {
  return JSON.stringify({ apiVersion, kind, metadata: { name, namespace: 'shop' }, ...rest });
}

function secret(name: string): string {
  const { certificate, key } = authority.issue('one.test', ['one.test', 'two.test']);
  const stringData = { 'tls.crt': certificate, 'tls.key': key };
  return object('v1', 'Secret', name, { type: 'kubernetes.io/tls', stringData });
}

/** A listener for every host and one for a host of its own, both with the certificate of one Secret. */
function edge(secretName: string): string {
  const listeners = [undefined, 'one.test'].map((hostname, index) => ({
    name: `l${String(index)}`,
    port: 443,
    protocol: 'HTTPS',
    hostname,
    tls: { certificateRefs: [{ name: secretName }] },
  }));
  return object('gateway.networking.k8s.io/v1', 'Gateway', 'edge', { spec: { gatewayClassName: 'sluice', listeners } });
}

const ROUTE = object('gateway.networking.k8s.io/v1', 'HTTPRoute', 'any', {
  spec: { parentRefs: [{ name: 'edge', sectionName: 'l0' }], hostnames: ['two.test'], rules: [{}] },
});

it('is the one before, for its own host, for those of its routes and for names without a certificate', () => {
  const store = new Store();
  const compiler = new Compiler(settingsOf(''));
  const shown = (...objects: readonly string[]): readonly string[] => {
    // Secrets are read one by one, as in a cluster: what has not been read may be there.
    store.commit(changesOf(objects.join('\n---\n')).filter(({ table }) => table !== 'complete'));
    const { hosts, defaultCertificate } = compiler.compile(store.snapshot, { nowMs: 0, node: NO_NODE_FACTS }).l7;
    const certificates = ['one.test', 'two.test'].map((host) => hosts.get(host)?.certificate);
    return [...certificates, defaultCertificate].map(String);
  };
  const [first, second] = ['shop_first', 'shop_second'].map((id) => [id, id, id]);
  expect(shown(secret('first'), edge('first'), ROUTE)).toEqual(first);
  expect(shown(edge('second'))).toEqual(first);
  expect(shown(secret('second'))).toEqual(second);
  expect(shown(edge('third'))).toEqual(second);
});
