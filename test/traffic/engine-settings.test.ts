import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EngineConfig } from '../../src/model/http/engine-config.ts';
import { headerNameOf, headerValueOf, type HeaderField } from '../../src/model/http/header.ts';
import { EngineWorld } from './engine-world.ts';
import { Backend } from './lab.ts';
import { routed } from './routed.ts';

const [name] = [headerNameOf('x-said')].flatMap((known) => known ?? []);
const [value] = [headerValueOf('yes')].flatMap((known) => known ?? []);
const said: readonly HeaderField[] = name === undefined || value === undefined ? [] : [{ name, value }];

describe('a setting that HAProxy does not start with', () => {
  let world: EngineWorld;
  let web: Backend;

  beforeEach(async () => {
    world = await EngineWorld.create();
    web = await Backend.start('web');
  });

  afterEach(async () => {
    await world.plane.release();
    await world.close();
    await web.stop();
  });

  async function serve(host: string, engine: EngineConfig): Promise<string> {
    const plan = { ...routed(host, [{}], new Map([['web', web.port]])), engine };
    await world.plane.apply(plan, new AbortController().signal);
    return world.ask('GET', new URL(`http://${host}/`), { show: ['x-said'] });
  }

  const served = '200 by web, asked for /, response x-said: yes';

  it.each([
    ['more connections than it can have', { maxConnections: 1_000_000 }],
    ['ciphers that do not exist', { tlsCiphers: 'NONE-OF-THESE' }],
    ['both', { maxConnections: 1_000_000, tlsCurves: 'none-of-these' }],
  ])('has no effect, and the others have: %s', async (_, wrong) => {
    expect(await serve('a.test', { ...wrong, responseHeaders: said })).toBe(served);
    expect(await serve('b.test', { ...wrong, responseHeaders: said })).toBe(served);
    // It is not asked for again with every change.
    expect(world.starts).toEqual(['started']);
  });

  it('leaves those before, whatever it is, and takes changes of others', async () => {
    expect(await serve('a.test', { responseHeaders: said })).toBe(served);
    // More than fits into the timers of HAProxy.
    expect(await serve('b.test', { keepAliveMs: 1e12 })).toBe(served);
    expect(await serve('c.test', { keepAliveMs: 1e12 })).toBe(served);
    expect(world.starts).toEqual(['started', 'settings']);
  });
});
