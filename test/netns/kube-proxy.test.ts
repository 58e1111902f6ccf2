import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { silentLogger } from '../../src/lib/logger.ts';
import { KubeProxyWatch } from '../../src/planes/l4/kube-proxy/kube-proxy-watch.ts';
import { findKubeProxy, removeKubeProxy } from '../../src/planes/l4/kube-proxy/kube-proxy.ts';
import { Nft } from '../../src/planes/l4/kernel/nft.ts';
import { removeSluice } from '../../src/planes/l4/kernel/uninstall.ts';
import { nft, run, useOwnNamespace } from './own-namespace.ts';

useOwnNamespace();

const WAIT = { timeout: 20_000, interval: 10 };

const iptables = ['iptables-legacy', 'iptables-nft', 'ip6tables-legacy', 'ip6tables-nft'];

const foreignRules = `*nat
:CNI-HOSTPORT - [0:0]
-A PREROUTING -m comment --comment "not -j KUBE-SERVICES" -j CNI-HOSTPORT
-A CNI-HOSTPORT -p tcp -m tcp --dport 8080 -j RETURN
COMMIT
*filter
:KUBE-FIREWALL - [0:0]
:KUBE-ROUTER-FORWARD - [0:0]
-A INPUT -j KUBE-FIREWALL
-A FORWARD -j KUBE-ROUTER-FORWARD
-A KUBE-FIREWALL -m mark --mark 0x8000/0x8000 -j DROP
-A OUTPUT -p tcp -m tcp --dport 25 -j REJECT
COMMIT
*mangle
:KUBE-KUBELET-CANARY - [0:0]
COMMIT
`;

const rulesOfKubeProxy = `*nat
:KUBE-SERVICES - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-SVC-NPX46M4PTMTKRN6Y - [0:0]
:KUBE-SEP-ABCDEFGHIJKLMNOP - [0:0]
-I PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-SERVICES -p tcp -m comment --comment "default/kubernetes:https cluster IP" -m tcp --dport 443 -j KUBE-SVC-NPX46M4PTMTKRN6Y
-A KUBE-SERVICES -m comment --comment "this must be last" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-SVC-NPX46M4PTMTKRN6Y -j KUBE-SEP-ABCDEFGHIJKLMNOP
-A KUBE-SEP-ABCDEFGHIJKLMNOP -j KUBE-MARK-MASQ
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MASQUERADE --random-fully
COMMIT
*filter
:KUBE-FORWARD - [0:0]
:KUBE-PROXY-FIREWALL - [0:0]
-A FORWARD -m comment --comment "kubernetes forwarding rules" -j KUBE-FORWARD
-A INPUT -m conntrack --ctstate NEW -j KUBE-PROXY-FIREWALL
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
COMMIT
*mangle
:KUBE-PROXY-CANARY - [0:0]
COMMIT
`;

const foreignTables = 'table ip other {\n chain c {\n ip daddr 10.0.0.1 drop\n }\n}\ntable inet kube-proxy-like {\n}';

/** All rules of iptables, without what changes by itself. */
function saved(): string {
  const text = iptables.map((program) => `${program}\n${run(`${program}-save`, [])}`).join('');
  return text.replaceAll(/^#.*\n|\[\d+:\d+\]/gm, '');
}

function tables(): readonly string[] {
  return run('nft', ['list', 'tables']).trim().split('\n');
}

function empty(): void {
  for (const program of iptables) {
    const save = run(`${program}-save`, []);
    const flush = [...save.matchAll(/^\*(\w+)$/gm)].map(([, table]) => `*${table ?? ''}\nCOMMIT\n`).join('');
    run(`${program}-restore`, [], flush);
  }
}

beforeEach(() => {
  empty();
  for (const program of iptables) run(`${program}-restore`, ['--noflush'], foreignRules);
  nft(foreignTables);
});
afterEach(empty);

test('a machine without it is left as it was', async () => {
  const [rules, before] = [saved(), tables()];
  expect(await findKubeProxy()).toEqual([]);
  expect(await removeKubeProxy()).toEqual([]);
  expect(saved()).toBe(rules);
  expect(tables()).toEqual(before);
});

describe.for(iptables)('in %s', (program) => {
  test('is found, and removed with all that others have left in place', async () => {
    const before = saved();
    run(`${program}-restore`, ['--noflush'], rulesOfKubeProxy);
    expect(saved()).not.toBe(before);
    expect(await findKubeProxy()).toEqual([`${program} table mangle`, `${program} table nat`].sort());
    const removed = await removeKubeProxy();
    expect([...removed].sort()).toEqual([
      `${program} table filter: 2 chains, and 2 rules that led to them`,
      `${program} table mangle: 1 chains, and 0 rules that led to them`,
      `${program} table nat: 6 chains, and 3 rules that led to them`,
    ]);
    expect(saved()).toBe(before);
    expect(await findKubeProxy()).toEqual([]);
  });
});

test('in nft', async () => {
  const before = tables();
  nft('table ip kube-proxy {\n chain services {\n }\n}\ntable ip6 kube-proxy {\n chain services {\n }\n}');
  const expected = ['nft table ip kube-proxy', 'nft table ip6 kube-proxy'];
  expect(await findKubeProxy()).toEqual(expected);
  expect(await removeKubeProxy()).toEqual(expected);
  expect(tables()).toEqual(before);
});

describe('one that goes on beside us', () => {
  const table = 'table ip kube-proxy {\n chain services {\n }\n}';
  let stop: AbortController;
  let watching: Promise<void>;
  let found: (readonly string[])[];
  let notes: string[];

  function watch(removes: boolean): void {
    stop = new AbortController();
    found = [];
    notes = [];
    watching = new KubeProxyWatch({
      logger: { ...silentLogger, info: (message) => notes.push(message) },
      removes,
      onFound: (lines) => found.push(lines),
      waits: { absent: { minMs: 20, maxMs: 40 }, found: { minMs: 20, maxMs: 40 } },
    }).run(stop.signal);
  }
  afterEach(async () => {
    stop.abort();
    await watching;
  });

  test('is removed and told each time that it has come back, and it is told when it does not any more', async () => {
    const before = tables();
    watch(true);
    for (const times of [1, 2, 3]) {
      nft(table);
      await vi.waitFor(() => expect(found).toHaveLength(times), WAIT);
      expect(tables()).toEqual(before);
      expect(found.at(-1)).toEqual(['nft table ip kube-proxy']);
      await vi.waitFor(() => expect(notes).toHaveLength(times), WAIT);
    }
  });

  test('is told once and left alone where it is not to be removed', async () => {
    watch(false);
    for (const times of [1, 2]) {
      nft(table);
      await vi.waitFor(() => expect(found).toHaveLength(times), WAIT);
      expect(tables()).toContain('table ip kube-proxy');
      nft('delete table ip kube-proxy');
      // Had it been told at every look, there were more by now than times.
      await vi.waitFor(() => expect(notes).toHaveLength(times), WAIT);
      expect(found).toHaveLength(times);
    }
  });
});

test('with ipvs: its interface and its sets, not those of others', async () => {
  for (const set of ['KUBE-CLUSTER-IP', 'KUBE-6-NODE-PORT-LOCAL-TCP', 'KUBE-SRC-ABCDEFGHIJKLMNOP']) {
    run('ipset', ['create', set, 'hash:ip,port']);
  }
  // Not of kube-proxy's own kind, dummy, which not every kernel has.
  run('ip', ['link', 'add', 'kube-ipvs0', 'type', 'bridge']);
  try {
    expect(await findKubeProxy()).toEqual(['interface kube-ipvs0']);
    const removed = await removeKubeProxy();
    expect([...removed].sort()).toEqual([
      'interface kube-ipvs0',
      'ipset KUBE-6-NODE-PORT-LOCAL-TCP',
      'ipset KUBE-CLUSTER-IP',
    ]);
    expect(await findKubeProxy()).toEqual([]);
    expect(run('ipset', ['list', '-name'])).toBe('KUBE-SRC-ABCDEFGHIJKLMNOP\n');
  } finally {
    run('ipset', ['destroy', 'KUBE-SRC-ABCDEFGHIJKLMNOP']);
  }
});

test('uninstalling takes our tables, and is harmless when there are none', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-uninstall-test-'));
  const driver = await Nft.open(folder);
  try {
    const before = tables();
    await driver.apply(
      'add table ip sluice\nadd table ip6 sluice\nadd table ip6 sluice-affinity\nadd chain ip sluice c',
    );
    expect(await removeSluice(driver)).toEqual([
      'nft table ip sluice',
      'nft table ip6 sluice',
      'nft table ip6 sluice-affinity',
    ]);
    expect(tables()).toEqual(before);
    expect(await removeSluice(driver)).toEqual([]);
    expect(tables()).toEqual(before);
  } finally {
    driver.close();
    await rm(folder, { recursive: true });
  }
});
