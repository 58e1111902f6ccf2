import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BackendPlan, L7Plan } from '../../src/compile/plan.ts';
import { ipAddressOf } from '../../src/model/grammar.ts';
import { changesOf, compileChanges } from '../golden/compile-manifest.ts';
import { casesIn, settingsOf, type GoldenCase } from '../golden/golden-case.ts';
import { EngineWorld, type AskOptions } from './engine-world.ts';
import { Backend } from './lab.ts';

const loopback = ipAddressOf('127.0.0.1');

interface Asked {
  /** What stands in the manifest behind `# request: `. */
  readonly text: string;
  readonly method: string;
  readonly url: URL;
  readonly options: AskOptions;
}

/**
 * The comment lines of a manifest that ask: `# request: GET http://shop.test/cart -H "x-user: 7" show x-user,server`. The headers after
 * `show` are shown as the backend got them, and as they stand in the response.
 */
function requestsOf(text: string): readonly Asked[] {
  const line = /^# request: ([A-Z]+) (\S+)((?: -H "[^"]+")*)((?: show \S+)?)$/gm;
  return [...text.matchAll(line)].map(([, method = '', url = '', headers = '', show = '']) => ({
    text: `${method} ${new URL(url).href}${headers}${show}`,
    method,
    url: new URL(url),
    options: {
      headers: Object.fromEntries(
        [...headers.matchAll(/"([^":]+): ?([^"]*)"/g)].map(([, name = '', value]) => [name, value ?? '']),
      ),
      show: show === '' ? [] : show.replace(' show ', '').split(','),
    },
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
    for (const { text, method, url, options } of requestsOf(golden.text))
      lines.push(`${text} -> ${await world.ask(method, url, options)}\n`);
    await expect(lines.join('')).toMatchFileSnapshot(golden.answersFile);
  });

  it('all without a restart of HAProxy, but where a manifest says something of HAProxy itself', () => {
    expect(world.starts.filter((reason) => reason !== 'settings')).toEqual(['started']);
  });
});
