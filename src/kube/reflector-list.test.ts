import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StreamTrouble } from '../../test/fakes/apiserver/faults.ts';
import { ReflectionLab, until, untilNames, untilState } from '../../test/fakes/reflection-lab.ts';

let lab: ReflectionLab;

describe('Reflector where watch-list is served', () => {
  beforeEach(async () => {
    lab = await ReflectionLab.open('served');
  });
  afterEach(() => lab.close());

  it.each<StreamTrouble>(['reset', 'end', 'half-line', 'garbage', { errorEvent: 500 }])(
    'hands over nothing of initial events that are interrupted (%o)',
    async (then) => {
      lab.seed(...Array.from({ length: 30 }, (_, index) => `object-${index}`));
      lab.server.faults.add({ verbs: ['watch'], trouble: { kind: 'stream', afterLines: 20, then }, times: 1 });
      const { copy } = lab.start();
      await untilState(copy, 'synced');
      expect(copy.replaces).toEqual([30]);
    },
  );

  it('lists when the initial events stall, and from then on', async () => {
    lab.seed('a', 'b');
    lab.server.faults.add({ verbs: ['watch'], trouble: { kind: 'stream', afterLines: 2, then: 'freeze' }, times: 1 });
    const { copy, reflector } = lab.start({ timings: { initialSilenceMs: 200 } });
    await untilNames(copy, 'a', 'b');
    expect(lab.server.requests.some(({ verb }) => verb === 'list')).toBe(true);
    await until(() => expect(lab.resumptions).toHaveLength(1));
    await lab.trouble('garbage');
    await until(() => expect(reflector.counts.lists).toBe(2));
    expect(lab.server.requests.filter(({ query }) => query.has('sendInitialEvents'))).toHaveLength(1);
  });

  it('lists where a server takes a watch-list for an ordinary watch', async () => {
    lab.server.watchList = 'ignored';
    lab.seed('a');
    const { copy } = lab.start({ timings: { initialSilenceMs: 200 } });
    await untilNames(copy, 'a');
    expect(lab.server.requests.some(({ verb }) => verb === 'list')).toBe(true);
  });

  it('lists where such a server is too busy ever to be silent', async () => {
    lab.server.watchList = 'ignored';
    lab.seed('a');
    const { copy } = lab.start({ timings: { initialTimeoutMs: 200 } });
    const busy = setInterval(() => lab.seed('a'), 10);
    await until(() => expect(copy.replaces).toEqual([1]));
    clearInterval(busy);
  });

  it('needs no right but to watch', async () => {
    lab.seed('a');
    lab.loginAs('ann', [{ verbs: ['watch'], groups: [''], resources: ['configmaps'] }]);
    const { copy, reflector } = lab.start({ timings: { watchSeconds: { min: 1, max: 1 } } });
    await untilNames(copy, 'a');
    // Long enough for a watch without a word, after which others have a look at the list.
    await until(() => expect(reflector.counts.watches).toBeGreaterThan(2));
    expect(copy.path).toEqual(['syncing', 'synced']);
  });

  it('lists where etcd is too old for a watch-list, and does not call that trouble', async () => {
    lab.server.watchList = 'broken';
    lab.seed('a');
    const { copy, reflector } = lab.start();
    await untilNames(copy, 'a');
    expect(copy.path).toEqual(['syncing', 'synced']);
    await lab.trouble('garbage');
    await until(() => expect(reflector.counts.lists).toBe(2));
    expect(lab.server.requests.filter(({ query }) => query.has('sendInitialEvents'))).toHaveLength(1);
    expect(reflector.counts.relists).toEqual({ expired: 0, malformed: 1, rewound: 0, refused: 0 });
  });

  it.each([400, 405, 422])('does not ask again for a watch-list that was refused with %i', async (status) => {
    lab.seed('a');
    lab.server.faults.add({ when: (query) => query.has('sendInitialEvents'), trouble: { kind: 'status', status } });
    const { copy, reflector } = lab.start();
    await untilNames(copy, 'a');
    await lab.trouble('garbage');
    await until(() => expect(reflector.counts.lists).toBe(2));
    expect(lab.server.requests.filter(({ query }) => query.has('sendInitialEvents'))).toHaveLength(1);
  });

  it('lists where an aggregated API server answers 500 to a watch-list', async () => {
    lab.seed('a');
    lab.server.faults.add({
      when: (query) => query.has('sendInitialEvents'),
      trouble: { kind: 'status', status: 500 },
    });
    const { copy } = lab.start();
    await untilNames(copy, 'a');
    expect(copy.path).toEqual(['syncing', 'synced']);
  });
});

describe('Reflector where watch-list is refused', () => {
  beforeEach(async () => {
    lab = await ReflectionLab.open('refused');
  });
  afterEach(() => lab.close());

  it.each(['reset', 'truncate'] as const)(
    'hands over nothing of a list whose last page is broken (%s)',
    async (kind) => {
      lab.seed(...Array.from({ length: 700 }, (_, index) => `object-${index}`));
      lab.server.faults.add({ verbs: ['list'], when: (query) => query.has('continue'), trouble: { kind }, times: 1 });
      const { copy } = lab.start();
      await untilState(copy, 'synced');
      expect(copy.replaces).toEqual([700]);
    },
  );

  it('lists in one piece when the history is compacted between two pages', async () => {
    lab.seed(...Array.from({ length: 700 }, (_, index) => `object-${index}`));
    lab.server.onRequest = ({ query }) => {
      if (!query.has('continue')) return;
      lab.seed('late');
      lab.server.storage.compact();
    };
    const { copy } = lab.start();
    await until(() => expect(copy.replaces).toEqual([701]));
    const last = lab.server.requests.findLast(({ verb }) => verb === 'list');
    expect(last?.query.has('limit')).toBe(false);
  });
});
