import { afterAll, describe, expect, it } from 'vitest';
import type { L7Plan } from '../../src/compile/plan.ts';
import { changesOf, compileChanges } from '../golden/compile-manifest.ts';
import { makeCertificate } from './certificate.ts';
import { EngineWorld } from './engine-world.ts';
import { Backend, Lab } from './lab.ts';
import { ingress, service, tlsSecret } from './manifest.ts';
import { processorMs } from './process-state.ts';

const one = await Backend.start('one');
const two = await Backend.start('two');
afterAll(async () => {
  await one.stop();
  await two.stop();
});

function want(...manifests: readonly string[]): L7Plan {
  const services = [service('one', [one.port]), service('two', [two.port])];
  return compileChanges(changesOf([...services, ...manifests].join(''))).l7;
}

/** Runs `check` on a HAProxy that has been led through all the plans, without another start. */
async function ledThrough(plans: readonly L7Plan[], check: (world: EngineWorld) => Promise<void>): Promise<void> {
  const world = await EngineWorld.create();
  const { signal } = new AbortController();
  try {
    for (const plan of plans) await world.plane.apply(plan, signal);
    await check(world);
    expect(world.starts).toEqual(['started']);
  } finally {
    await world.plane.release();
    await world.close();
  }
}

describe('a certificate for more hosts than HAProxy takes on a line', () => {
  const pem = makeCertificate('many', ['*.test']);
  const label = 'a'.repeat(63);
  const hosts = Array.from({ length: 5000 }, (_, n) => `host-${String(n)}.test`);
  const long = Array.from({ length: 400 }, (_, n) => `${label}.${label}.${label}.${String(n).padStart(61, 'b')}`);
  const few = planFor(hosts.slice(0, 1));
  const all = planFor([...hosts, ...long]);
  const half = planFor(hosts.filter((_, n) => n % 2 === 0));

  /** One Ingress with many hosts; JSON is YAML too. */
  function planFor(some: readonly string[]): L7Plan {
    const backend = { service: { name: 'one', port: { number: 80 } } };
    const rules = some.map((host) => ({ host, http: { paths: [{ path: '/', pathType: 'Prefix', backend }] } }));
    const object = {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'Ingress',
      metadata: { name: 'many' },
      spec: { tls: [{ hosts: some, secretName: 'tls' }], rules },
    };
    return want(tlsSecret('tls', pem), JSON.stringify(object));
  }

  it.each<[string, readonly L7Plan[]]>([
    ['from its start', [all]],
    ['from the runtime CLI', [few, all]],
    ['when half of them go', [few, all, half]],
  ])('is served to every one of them, %s', (_, plans) =>
    ledThrough(plans, async (world) => {
      const kept = ['host-0.test', 'host-2222.test', 'host-4998.test'];
      const others = ['host-4999.test', long[399] ?? '', 'other.test'];
      const none = 'Sluice default certificate';
      expect(await world.certificates(kept)).toEqual(['many', 'many', 'many']);
      expect(await world.certificates(others)).toEqual(
        plans.at(-1) === half ? [none, none, none] : ['many', 'many', none],
      );
    }),
  );
});

describe('what is longer than a buffer of HAProxy', () => {
  const small = want(ingress('a', 'a.test', { '/': 'one' }));

  it('can be a change of many routes, of which each takes as much as it can', async () => {
    const paths = Array.from({ length: 200 }, (_, n) => `/${String(n)}`.padEnd(4096, ';'));
    const toOne = want(ingress('a', 'a.test', Object.fromEntries(paths.map((path) => [path, 'one']))));
    const toTwo = want(ingress('a', 'a.test', Object.fromEntries(paths.map((path) => [path, 'two']))));
    await ledThrough([small, toOne, toTwo], async (world) => {
      const seen = JSON.stringify(await world.look(toTwo));
      expect(seen.match(/200 two/g)).toHaveLength(paths.length);
    });
    await ledThrough([toTwo, small], async (world) => {
      expect(JSON.stringify(await world.look(small))).toContain('200 one');
      expect(await world.held(small)).toMatchObject({ routes: [expect.stringMatching(/^a\.test\/ /)] });
    });
  });

  it('can be a chain of certificates', async () => {
    const { certificate, key } = makeCertificate('chain', ['a.test']);
    const chained = { certificate: certificate + makeCertificate('other', []).certificate.repeat(100), key };
    const plan = want(tlsSecret('tls', chained), ingress('a', 'a.test', { '/': 'one' }, 'tls'));
    await ledThrough([small, plan], async (world) => expect(await world.certificates(['a.test'])).toEqual(['chain']));
  });
});

describe('a request with a path longer than a line of the log', () => {
  it('is logged and counted', async () => {
    const lab = await Lab.create({ 'a.yaml': service('one', [one.port]) + ingress('a', 'a.test', { '/': 'one' }) });
    try {
      const { status } = await lab.get(`http://a.test/${'x'.repeat(10_000)}`);
      await lab.until('the line', () => Promise.resolve(lab.output.includes('"log":"access"')));
      const line = lab.output.split('\n').find((text) => text.includes('"log":"access"')) ?? '';
      expect(JSON.parse(line)).toMatchObject({ status, route: 'default/a', path: expect.stringMatching(/^\/x{1000}/) });
      expect(await lab.metric('sluice_access_log_dropped_total')).toBe(0);
    } finally {
      await lab.stop();
    }
  });
});

describe('a regular expression that may be matched in very many ways', () => {
  it('costs a request little, whatever the path', async () => {
    const manifest = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: many, annotations: { nginx.ingress.kubernetes.io/use-regex: "true" } }
spec:
  rules:
    - host: many.test
      http: { paths: [{ path: "/(a+)+$", pathType: ImplementationSpecific, backend: { service: { name: one, port: { number: 80 } } } }] }
---
`;
    await ledThrough([want(manifest)], async (world) => {
      expect(await world.get('many.test', '/aaaa')).toBe('200 one');
      const beforeMs = processorMs(await world.pid());
      for (let time = 0; time < 100; time += 1)
        expect(await world.get('many.test', `/${'a'.repeat(60)}!`)).toMatch(/^404/);
      // Ten million tries each, as without a limit, take three seconds or more.
      expect(processorMs(await world.pid()) - beforeMs).toBeLessThan(1_000);
    });
  });

  it('costs a request little, whatever the header', async () => {
    const manifest = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge }
spec: { gatewayClassName: sluice, listeners: [{ name: http, port: 80, protocol: HTTP }] }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: many }
spec:
  parentRefs: [{ name: edge }]
  hostnames: [many.test]
  rules:
    - matches: [{ headers: [{ type: RegularExpression, name: x-many, value: "^(a+)+$" }] }]
      backendRefs: [{ name: one, port: 80 }]
---
`;
    await ledThrough([want(manifest)], async (world) => {
      const ask = (value: string): Promise<string> =>
        world.ask('GET', new URL('http://many.test/'), { headers: { 'x-many': value }, show: [] });
      expect(await ask('aaaa')).toMatch(/^200 by one/);
      const beforeMs = processorMs(await world.pid());
      for (let time = 0; time < 100; time += 1) expect(await ask(`${'a'.repeat(60)}!`)).toMatch(/^404/);
      expect(processorMs(await world.pid()) - beforeMs).toBeLessThan(1_000);
    });
  });
});
