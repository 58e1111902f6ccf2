/** Routes of Gateways that change all the time, under load. `SLUICE_CHANGES=10000` makes of the short form the long one. */
import { Agent, request } from 'node:http';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Engine } from './engine.ts';
import { freePorts } from './free-ports.ts';
import { Backend } from './lab.ts';
import { service } from './manifest.ts';

const CHANGES = Number(process.env['SLUICE_CHANGES'] ?? 150);
const PORTS = 64;
const NAMES = ['one', 'two', 'three'] as const;

let engine: Engine;
let first: number;
const backends: Backend[] = [];
const agent = new Agent({ keepAlive: true });

beforeAll(async () => {
  first = await freePorts(PORTS);
  engine = await Engine.create(undefined, { first, last: first + PORTS - 1 });
  for (const name of NAMES) {
    const backend = await Backend.start(name);
    backends.push(backend);
    await engine.apply(service(name, [backend.port]));
  }
  await engine.apply(
    manifest('Gateway', 'edge', {
      gatewayClassName: 'sluice',
      listeners: [
        { name: 'any', port: 80, protocol: 'HTTP' },
        { name: 'wild', port: 80, protocol: 'HTTP', hostname: '*.wild.test' },
      ],
    }),
  );
});

afterAll(async () => {
  agent.destroy();
  await engine.stop();
  for (const backend of backends) await backend.stop();
});

function manifest(kind: string, name: string, spec: object): string {
  const metadata = { name, namespace: 'default', creationTimestamp: '2024-01-01T00:00:00Z' };
  return `${JSON.stringify({ apiVersion: 'gateway.networking.k8s.io/v1', kind, metadata, spec })}\n---\n`;
}

function route(name: string, hostnames: readonly string[], rules: readonly object[]): string {
  return manifest('HTTPRoute', name, { parentRefs: [{ name: 'edge' }], hostnames, rules });
}

function to(index: number): object {
  return { name: NAMES[index % NAMES.length], port: 80, weight: 1 + (index % 5) };
}

/** A version of one of twenty routes: another way to match, filters, weights and hosts each time, or none at all. */
function change(index: number): Promise<void> {
  const name = `route-${String(index % 20)}`;
  const hosts = [`h${String(index % 7)}.test`, `h${String(index % 11)}.wild.test`];
  const value = String(index);
  const matches = [
    { path: { type: 'PathPrefix', value: `/p${String(index % 3)}` } },
    { path: { type: 'Exact', value: '/exact' }, headers: [{ name: 'x-version', value }] },
    { path: { type: 'RegularExpression', value: `/r${value}.*` } },
    { method: 'POST', queryParams: [{ name: 'q', value }] },
  ];
  const filters = [
    { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'x-set', value }] } },
    { type: 'URLRewrite', urlRewrite: { path: { type: 'ReplaceFullPath', replaceFullPath: `/${value}` } } },
    { type: 'ResponseHeaderModifier', responseHeaderModifier: { add: [{ name: 'x-add', value }] } },
  ];
  const rule = {
    matches: matches.slice(index % 4),
    filters: filters.slice(index % 4),
    backendRefs: [to(index), to(index + 1), to(index + 2)].slice(index % 3),
  };
  const text = route(name, hosts, [rule, { backendRefs: [to(index)] }]);
  return index % 13 === 0 ? engine.remove(text) : engine.apply(text);
}

async function statusOf(host: string, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port: first, path, agent, headers: { host } }, (response) => {
      response.on('end', () => resolve(response.statusCode ?? 0)).resume();
    });
    asked.on('error', reject);
    asked.end();
  });
}

it('lose no request and need no other process', async () => {
  await engine.apply(route('moving', ['moving.test'], [{ backendRefs: [to(0)] }]));
  await engine.apply(route('stable', ['stable.test', 'stable.wild.test'], [{ backendRefs: [to(0)] }]));
  const starts = engine.starts.length;
  let isRunning = true;
  let sent = 0;
  const failures: string[] = [];
  const workers = ['stable.test', 'stable.wild.test', 'moving.test'].map(async (host) => {
    for (let asked = 0; isRunning; asked += 1) {
      sent += 1;
      const status = await statusOf(host, `/${String(asked)}`).catch((thrown: unknown) => String(thrown));
      if (status !== 200) failures.push(`${host}: ${String(status)}`);
    }
  });
  for (let index = 0; index < CHANGES; index += 1) {
    await change(index);
    // One under load itself, which always leads somewhere.
    const rule = { backendRefs: [to(index), to(index + 1)].slice(index % 2), filters: [] };
    await engine.apply(route('moving', ['moving.test'], [rule]));
  }
  isRunning = false;
  await Promise.all(workers);
  expect(failures).toEqual([]);
  expect(sent).toBeGreaterThan(CHANGES / 10);
  expect(engine.starts.slice(starts)).toEqual([]);
});
