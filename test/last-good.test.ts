/** What is served, and what is said, while something that an object refers to is not known, or is broken. */
import { beforeEach, describe, expect, it } from 'vitest';
import { STANDALONE_SETTINGS } from '../src/app/check.ts';
import { Compiler } from '../src/compile/compiler.ts';
import type { Plan } from '../src/compile/plan.ts';
import { NO_NODE_FACTS } from '../src/compile/settings.ts';
import { ipAddressOf } from '../src/model/grammar.ts';
import type { Unread } from '../src/model/snapshot.ts';
import { findingsOf } from '../src/observe/views.ts';
import { admitObject } from '../src/sources/admit/admit.ts';
import type { Change } from '../src/sources/change.ts';
import { ServedBefore } from '../src/sources/served-before.ts';
import { Store } from '../src/sources/store.ts';
import { Authority } from './fakes/apiserver/certificates.ts';

const authority = new Authority('authority');
const UNREADABLE: Unread = { kind: 'unreadable', message: 'the API server answered 500' };

function changeOf(raw: object): Change {
  const change = admitObject(raw)?.change;
  if (change === undefined) throw new Error('the test wrote an object that is not admitted');
  return change;
}

function removal(raw: object): Change {
  return { ...changeOf(raw), value: undefined };
}

/** With TLS from this Secret, unless it is undefined. */
function ingress(name: string, secretName: string | undefined, path = '/'): object {
  const backend = { service: { name: 'web', port: { number: 80 } } };
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: { namespace: 'shop', name },
    spec: {
      ingressClassName: 'sluice',
      ...(secretName === undefined ? {} : { tls: [{ hosts: [`${name}.test`], secretName }] }),
      rules: [{ host: `${name}.test`, http: { paths: [{ path, pathType: 'Prefix', backend }] } }],
    },
  };
}

/** The same, with a restriction of access that is not implemented. */
function restricted(raw: object): object {
  const { metadata, ...rest } = raw as { readonly metadata: object };
  return { ...rest, metadata: { ...metadata, annotations: { 'nginx.ingress.kubernetes.io/auth-secret': 'users' } } };
}

function secret(name: string, host: string, key = 'its own'): object {
  const pair = authority.issue(host, [host]);
  const data = { 'tls.crt': pair.certificate, 'tls.key': key === 'its own' ? pair.key : key };
  return { apiVersion: 'v1', kind: 'Secret', metadata: { namespace: 'shop', name }, stringData: data };
}

function service(spec: object): object {
  return { apiVersion: 'v1', kind: 'Service', metadata: { namespace: 'shop', name: 'web' }, spec };
}

const WEB = service({ ports: [{ port: 80 }] });

function unread(name: string, value: Unread | undefined): Change {
  return { table: 'unread', key: `Secret/shop/${name}`, value };
}

/** What the program before this one served from a Secret. */
function servedBefore(name: string, host: string): ServedBefore {
  const pair = authority.issue(host, [host]);
  return new ServedBefore(new Map([[`shop/${name}`, `${pair.certificate.trim()}\n${pair.key}`]]));
}

describe('in a cluster, where Secrets are read by name', () => {
  let store: Store;
  let compiler: Compiler;

  beforeEach(() => {
    store = new Store();
    compiler = new Compiler({ ...STANDALONE_SETTINGS, mode: 'cluster' });
  });

  function plan(...changes: readonly Change[]): Plan {
    store.commit(changes);
    return compiler.compile(store.snapshot, { nowMs: Date.now(), node: NO_NODE_FACTS });
  }

  /** Each host with the Secret whose certificate it gets, and the first path of each. */
  function shown({ l7 }: Plan): readonly string[] {
    return l7.hosts
      .sorted()
      .map(
        ([host, { certificate, routes }]) =>
          `${host} ${certificate ?? '-'} ${routes.map(({ match }) => match.value).join()}`,
      );
  }

  function said(compiled: Plan): readonly string[] {
    return findingsOf(compiled).map(({ reason, object, message }) => `${reason} ${object.name}: ${message}`);
  }

  /** The certificate that is served under an id. */
  function served({ l7 }: Plan, id: string): string | undefined {
    return [...l7.certificates.values()].find((item) => item.id === id)?.certificate.fingerprint;
  }

  function wanted({ wants }: Plan): readonly string[] {
    return wants.objects.sorted().map(([id, { purposes }]) => `${id} ${purposes.join()}`);
  }

  it('serves nothing of a new Ingress, and says nothing of it, before its Secret has been read', () => {
    const pending = plan(changeOf(WEB), changeOf(ingress('plain', undefined)), changeOf(ingress('a', 'a-tls')));
    expect(shown(pending)).toEqual(['plain.test - /']);
    expect(said(pending)).toEqual([]);
    expect([...pending.status.ingresses.keys()]).toEqual(['shop/plain']);
    expect(wanted(pending)).toEqual(['Secret/shop/a-tls certificate']);
    const read = plan(changeOf(secret('a-tls', 'a.test')));
    expect(shown(read)).toEqual(['a.test shop_a-tls /', 'plain.test - /']);
    expect(said(read)).toEqual([]);
    expect([...read.status.ingresses.keys()].toSorted()).toEqual(['shop/a', 'shop/plain']);
  });

  it('serves a host without a certificate once there is known to be none, and says why', () => {
    plan(changeOf(WEB), changeOf(ingress('a', 'a-tls')), changeOf(ingress('b', 'b-tls')));
    const known = plan(unread('a-tls', { kind: 'absent' }), unread('b-tls', UNREADABLE));
    expect(shown(known)).toEqual(['a.test - /', 'b.test - /']);
    expect(said(known)).toEqual([
      'SecretNotFound a: Secret shop/a-tls does not exist',
      'SecretUnreadable b: Secret shop/b-tls cannot be read: the API server answered 500',
    ]);
  });

  it('leaves a live host as it is until its new Secret has been read, then changes it, and lets go of the old one', () => {
    const before = plan(changeOf(WEB), changeOf(secret('old', 'a.test')), changeOf(ingress('a', 'old')));
    const pending = plan(changeOf(ingress('a', 'new', '/moved')));
    expect(pending.l7.hosts.get('a.test')).toEqual(before.l7.hosts.get('a.test'));
    expect(pending.l7.certificates).toBe(before.l7.certificates);
    expect(said(pending)).toEqual([]);
    expect(wanted(pending)).toEqual(['Secret/shop/new certificate', 'Secret/shop/old certificate']);
    const read = plan(changeOf(secret('new', 'a.test')));
    expect(shown(read)).toEqual(['a.test shop_new /,/moved']);
    expect(wanted(read)).toEqual(['Secret/shop/new certificate']);
  });

  it('closes a live host at once when its newest version is to keep people out, though that names a Secret not read yet', () => {
    const actions = ({ l7 }: Plan): readonly string[] =>
      (l7.hosts.get('a.test')?.routes ?? []).map(({ match, action }) => `${match.value} ${action.kind}`);
    plan(changeOf(WEB), changeOf(secret('old', 'a.test')), changeOf(ingress('a', 'old')));
    const pending = plan(changeOf(restricted(ingress('a', 'new', '/moved'))));
    expect(actions(pending)).toEqual(['/ refuse']);
    // Its certificate stays, so that who is refused learns of it without a warning.
    expect(shown(pending)).toEqual(['a.test shop_old /']);
    expect(actions(plan(changeOf(restricted(ingress('a', 'newer')))))).toEqual(['/ refuse']);
    expect(actions(plan(changeOf(ingress('a', 'old'))))).toEqual(['/ forward']);
  });

  it('keeps the version that was served through several that never were', () => {
    plan(changeOf(WEB), changeOf(secret('old', 'a.test')), changeOf(ingress('a', 'old')));
    plan(changeOf(ingress('a', 'second')));
    const pending = plan(changeOf(ingress('a', 'third')));
    expect(shown(pending)).toEqual(['a.test shop_old /']);
    expect(wanted(pending)).toEqual(['Secret/shop/old certificate', 'Secret/shop/third certificate']);
    expect(shown(plan(changeOf(ingress('a', 'old', '/back'))))).toEqual(['a.test shop_old /,/back']);
    expect(store.snapshot.former.size).toBe(0);
  });

  it('follows an Ingress whose new Secret cannot be read, but for the certificate, which stays', () => {
    plan(changeOf(WEB), changeOf(secret('old', 'a.test')), changeOf(ingress('a', 'old')));
    plan(changeOf(ingress('a', 'new', '/moved')));
    const unreadable = plan(unread('new', UNREADABLE));
    expect(shown(unreadable)).toEqual(['a.test shop_old /,/moved']);
    expect(said(unreadable)).toEqual([
      'SecretUnreadable a: Secret shop/new cannot be read: the API server answered 500; a.test keeps the certificate in Secret shop/old',
    ]);
    expect(wanted(unreadable)).toEqual(['Secret/shop/new certificate', 'Secret/shop/old certificate']);
    expect(shown(plan(changeOf(ingress('a', 'new', '/again'))))).toEqual(['a.test shop_old /,/again']);
    const read = plan(changeOf(secret('new', 'a.test')), unread('new', undefined));
    expect(shown(read)).toEqual(['a.test shop_new /,/again']);
    expect(said(read)).toEqual([]);
  });

  it('goes on with an Ingress whose Secret cannot be read until another one has been read that it names now', () => {
    plan(changeOf(WEB), changeOf(ingress('a', 'old')), unread('old', UNREADABLE));
    const pending = plan(changeOf(ingress('a', 'new', '/moved')));
    expect(shown(pending)).toEqual(['a.test - /']);
    expect([...pending.status.ingresses.keys()]).toEqual(['shop/a']);
    expect(shown(plan(changeOf(ingress('a', 'third', '/moved'))))).toEqual(['a.test - /']);
    expect(shown(plan(unread('third', UNREADABLE)))).toEqual(['a.test - /,/moved']);
    expect(shown(plan(changeOf(secret('third', 'a.test')), unread('third', undefined)))).toEqual([
      'a.test shop_third /,/moved',
    ]);
  });

  it('goes on without TLS on a live host that gets it, until its Secret has been read', () => {
    plan(changeOf(WEB), changeOf(ingress('a', undefined)));
    const pending = plan(changeOf(ingress('a', 'a-tls')));
    expect(shown(pending)).toEqual(['a.test - /']);
    const filters = pending.l7.hosts.get('a.test')?.routes.flatMap((route) => route.filters);
    expect(filters).toEqual([]);
  });

  it('starts with the certificate that was served before where its Secret cannot be read, and says so, until it can', () => {
    store.remember(servedBefore('a-tls', 'a.test'));
    expect(shown(plan(changeOf(WEB), changeOf(ingress('a', 'a-tls')), changeOf(ingress('b', 'b-tls'))))).toEqual([]);
    const unreadable = plan(unread('a-tls', UNREADABLE), unread('b-tls', UNREADABLE));
    expect(shown(unreadable)).toEqual(['a.test shop_a-tls /', 'b.test - /']);
    expect(said(unreadable)).toEqual([
      'SecretUnreadable a: Secret shop/a-tls cannot be read: the API server answered 500; a.test keeps its last certificate',
      'SecretUnreadable b: Secret shop/b-tls cannot be read: the API server answered 500',
    ]);
    const read = plan(changeOf(secret('a-tls', 'a.test')), unread('a-tls', undefined));
    expect(served(read, 'shop_a-tls')).not.toBe(served(unreadable, 'shop_a-tls'));
    expect(said(read).join()).not.toContain(' a: ');
    expect(store.snapshot.former.size).toBe(0);
  });

  it('starts with the certificate that was served before where its Secret is broken, and with none where it is gone', () => {
    store.remember(servedBefore('a-tls', 'a.test'));
    const broken = plan(changeOf(WEB), changeOf(ingress('a', 'a-tls')), changeOf(secret('a-tls', 'a.test', 'no key')));
    expect(shown(broken)).toEqual(['a.test shop_a-tls /']);
    expect(said(broken).join()).toContain('the certificate that it held before is served');
    const gone = plan(removal(secret('a-tls', 'a.test')), unread('a-tls', { kind: 'absent' }));
    expect(shown(gone)).toEqual(['a.test - /']);
    // What is served no more is not remembered either.
    expect(shown(plan(unread('a-tls', UNREADABLE)))).toEqual(['a.test - /']);
  });

  it('takes a Secret that is gone for gone, whatever was served of it before the start', () => {
    store.remember(servedBefore('a-tls', 'a.test'));
    plan(changeOf(WEB), changeOf(ingress('a', 'a-tls')));
    expect(shown(plan(unread('a-tls', { kind: 'absent' })))).toEqual(['a.test - /']);
    expect(shown(plan(unread('a-tls', UNREADABLE)))).toEqual(['a.test - /']);
  });

  it('withdraws an Ingress that is deleted while its Secret is awaited', () => {
    plan(changeOf(WEB), changeOf(secret('old', 'a.test')), changeOf(ingress('a', 'old')));
    plan(changeOf(ingress('a', 'new')));
    const gone = plan(removal(ingress('a', 'new')));
    expect(shown(gone)).toEqual([]);
    expect(wanted(gone)).toEqual([]);
    expect(store.snapshot.former.size).toBe(0);
  });

  it.each([
    ['a key that does not fit', authority.issue('b.test').key],
    ['a damaged key', '-----BEGIN PRIVATE KEY-----\nMIIE'],
    ['no key', ''],
  ])('keeps the certificate of a Secret that gets %s, says so, and takes the next good one', (_, key) => {
    const before = plan(changeOf(WEB), changeOf(secret('tls', 'a.test')), changeOf(ingress('a', 'tls')));
    const certificate = before.l7.certificates.get('shop_tls');
    for (let times = 0; times < 2; times += 1) {
      const broken = plan(changeOf(secret('tls', 'a.test', key)));
      expect(broken.l7.certificates.get('shop_tls')).toEqual(certificate);
      expect(shown(broken)).toEqual(shown(before));
      expect(said(broken)).toEqual([
        expect.stringMatching(/^Certificate\w+ a: .*the certificate that it held before is served$/),
      ]);
    }
    const mended = plan(changeOf(secret('tls', 'a.test')));
    expect(mended.l7.certificates.get('shop_tls')?.certificate.fingerprint).not.toBe(
      certificate?.certificate.fingerprint,
    );
    expect(said(mended)).toEqual([]);
    plan(changeOf(secret('tls', 'a.test', key)));
    expect(shown(plan(removal(secret('tls', 'a.test')), unread('tls', { kind: 'absent' })))).toEqual(['a.test - /']);
  });

  it('gives the same Snapshot when the same broken Secret is committed again', () => {
    const broken = changeOf(secret('tls', 'a.test', 'none'));
    store.commit([changeOf(secret('tls', 'a.test')), broken]);
    const { snapshot } = store;
    store.commit([broken]);
    expect(store.snapshot).toBe(snapshot);
  });

  describe('of a Service that is a name', () => {
    const external = (externalName: string): Change =>
      changeOf(service({ type: 'ExternalName', externalName, ports: [{ port: 80 }] }));

    function answer(key: string, ...texts: readonly string[]): Change {
      return { table: 'resolvedNames', key, value: { addresses: texts.flatMap((text) => ipAddressOf(text) ?? []) } };
    }

    function servers({ l7 }: Plan): readonly string[] {
      return [...l7.backends.values()].flatMap((backend) => backend.servers.map(({ address }) => address));
    }

    it('says nothing before the name has been looked up', () => {
      const pending = plan(external('a.example'), changeOf(ingress('a', undefined)));
      expect(said(pending)).toEqual([]);
      expect([...pending.wants.names.keys()]).toEqual(['a.example']);
      expect(said(plan(answer('a.example')))).toEqual(['ExternalNameUnresolved web: "a.example" has no address']);
    });

    it('leads where it did until a new name has been looked up', () => {
      plan(external('a.example'), answer('a.example', '198.51.100.1'), changeOf(ingress('a', undefined)));
      const pending = plan(external('b.example'));
      expect(servers(pending)).toEqual(['198.51.100.1']);
      expect([...pending.wants.names.keys()].toSorted()).toEqual(['a.example', 'b.example']);
      const known = plan(answer('b.example', '198.51.100.2'));
      expect(servers(known)).toEqual(['198.51.100.2']);
      expect([...known.wants.names.keys()]).toEqual(['b.example']);
    });
  });
});
