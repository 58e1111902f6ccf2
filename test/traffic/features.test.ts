import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackendPlan, L7Plan } from '../../src/compile/plan.ts';
import { ipAddressOf } from '../../src/model/grammar.ts';
import { changesOf, compileChanges } from '../golden/compile-manifest.ts';
import { casesIn, settingsOf, type GoldenCase } from '../golden/golden-case.ts';
import { EngineWorld } from './engine-world.ts';
import { Backend } from './lab.ts';

const loopback = ipAddressOf('127.0.0.1');

interface Asked {
  readonly method: string;
  readonly url: URL;
}

/** The comment lines of a manifest that ask: `# request: GET http://shop.test/cart`. */
function requestsOf(text: string): readonly Asked[] {
  return [...text.matchAll(/^# request: ([A-Z]+) (\S+)$/gm)].map(([, method = '', url = '']) => ({
    method,
    url: new URL(url),
  }));
}

/** Each golden manifest that asks is given to one HAProxy, one after another, so that every change is made at run time. */
describe('golden: manifests to what clients are answered', () => {
  const cases = casesIn('golden').filter(({ text }) => requestsOf(text).length > 0);
  const backends = new Map<string, Backend>();
  let world: EngineWorld;

  beforeAll(async () => {
    world = await EngineWorld.create();
  });

  afterAll(async () => {
    await world.plane.release();
    await world.close();
    for (const backend of backends.values()) await backend.stop();
  });

  /** A server on loopback in the place of a backend's endpoints, which says whose place it has. */
  async function standIn(plan: BackendPlan): Promise<BackendPlan> {
    if (loopback === undefined || plan.servers.length === 0) return plan;
    const backend = backends.get(plan.id) ?? (await Backend.start(plan.id));
    backends.set(plan.id, backend);
    return { ...plan, servers: [{ address: loopback, port: backend.port, state: 'ready' }] };
  }

  async function planOf({ text }: GoldenCase): Promise<L7Plan> {
    const { l7 } = compileChanges(changesOf(text), settingsOf(text));
    let { backends: plans } = l7;
    for (const plan of l7.backends.values()) plans = plans.set(plan.id, await standIn(plan));
    return { ...l7, backends: plans };
  }

  it.each(cases)('$name', async (golden) => {
    await world.plane.apply(await planOf(golden), new AbortController().signal);
    const lines: string[] = [];
    for (const { method, url } of requestsOf(golden.text))
      lines.push(`${method} ${url.href} -> ${await world.ask(method, url)}\n`);
    await expect(lines.join('')).toMatchFileSnapshot(golden.answersFile);
  });

  it('all without a restart of HAProxy', () => {
    expect(world.starts).toEqual(['started']);
  });
});
