import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StreamTrouble } from '../../test/fakes/apiserver/faults.ts';
import {
  configMaps,
  ReflectionLab,
  until,
  untilCause,
  untilNames,
  untilState,
} from '../../test/fakes/reflection-lab.ts';

let lab: ReflectionLab;

describe.each(['served', 'refused'] as const)(
  'Reflector on a bad connection, watch-list %s',
  { timeout: 30_000 },
  (watchList) => {
    beforeEach(async () => {
      lab = await ReflectionLab.open(watchList);
    });
    afterEach(() => lab.close());

    it('goes on from its last event when the connection is reset', async () => {
      lab.seed('a');
      const { copy, reflector } = lab.start();
      await untilNames(copy, 'a');
      lab.seed('b');
      await untilNames(copy, 'a', 'b');
      const last = String(lab.server.storage.revision);
      const before = lab.listings;
      await lab.trouble('reset');
      lab.seed('c');
      await untilNames(copy, 'a', 'b', 'c');
      expect(lab.resumptions.at(-1)).toBe(last);
      expect(lab.listings).toBe(before);
      expect(reflector.counts.lists).toBe(1);
    });

    it('keeps everything while the server is gone, says since when, and watches on without a list', async () => {
      lab.seed('a', 'b');
      const { copy } = lab.start();
      await untilNames(copy, 'a', 'b');
      const before = lab.listings;
      await lab.server.refuseConnections();
      await untilState(copy, 'stale');
      const stale = copy.states.at(-1);
      expect(stale).toMatchObject({ kind: 'stale', cause: { code: 'kube-unreachable' } });
      expect(stale?.kind === 'stale' && stale.sinceMs).toBeLessThanOrEqual(Date.now());
      lab.seed('c');
      lab.unseed('a');
      expect(copy.names).toEqual(['a', 'b']);
      await lab.server.acceptConnections();
      await untilNames(copy, 'b', 'c');
      await untilState(copy, 'synced');
      expect(lab.listings).toBe(before);
      expect(copy.replaces).toHaveLength(1);
    });

    it('becomes synced again when the server comes back and nothing happens', async () => {
      lab.seed('a');
      const { copy } = lab.start();
      await untilNames(copy, 'a');
      await lab.server.refuseConnections();
      await untilState(copy, 'stale');
      await lab.server.acceptConnections();
      await untilState(copy, 'synced');
      expect(copy.path).toEqual(['syncing', 'synced', 'stale', 'synced']);
    });

    it.each([500, 502, 503, 504, 429, 401])('keeps everything while watches are answered with %i', async (status) => {
      lab.seed('a');
      const { copy } = lab.start();
      await untilNames(copy, 'a');
      const before = lab.listings;
      await lab.untilWatched();
      const mend = lab.server.faults.add({ trouble: { kind: 'status', status } });
      await lab.trouble('reset');
      await untilCause(copy, `kube-http-${status}`);
      expect(copy.now).toBe('stale');
      mend();
      lab.seed('b');
      await untilNames(copy, 'a', 'b');
      expect(lab.listings).toBe(before);
      expect(copy.departed).toEqual([]);
    });

    it.each([500, 503, 429])('syncs at last when the first answers are %i', async (status) => {
      lab.seed('a');
      lab.server.faults.add({ trouble: { kind: 'status', status }, times: 5 });
      const { copy } = lab.start();
      await untilNames(copy, 'a');
      expect(copy.path).toEqual(['syncing', 'stale', 'synced']);
    });

    it('stays away for as long as Retry-After asks', async () => {
      lab.seed('a');
      lab.server.faults.add({ trouble: { kind: 'status', status: 429, retryAfterSeconds: 1 }, times: 1 });
      const { copy } = lab.start();
      await untilNames(copy, 'a');
      const [first, second] = lab.server.requests;
      expect((second?.atMs ?? 0) - (first?.atMs ?? 0)).toBeGreaterThan(950);
    });

    it('takes a page of HTML from a load balancer for what it is', async () => {
      lab.seed('a');
      const { copy } = lab.start();
      await untilNames(copy, 'a');
      await lab.untilWatched();
      const mend = lab.server.faults.add({ trouble: { kind: 'page', status: 502 } });
      await lab.trouble('reset');
      await untilState(copy, 'stale');
      mend();
      await untilState(copy, 'synced');
      expect(copy.departed).toEqual([]);
    });

    it.each<StreamTrouble>(['half-line', 'garbage'])('counts a broken line (%s) and lists again', async (trouble) => {
      lab.seed('a', 'b');
      const { copy, reflector } = lab.start();
      await untilNames(copy, 'a', 'b');
      await lab.trouble(trouble);
      await until(() => expect(reflector.counts.relists.malformed).toBe(1));
      await until(() => expect(copy.replaces).toEqual([2, 2]));
      expect(reflector.counts.malformed).toBe(1);
      expect(copy.departed).toEqual([]);
      lab.seed('c');
      await untilNames(copy, 'a', 'b', 'c');
    });

    it('goes on at once, and without a list, when the server ends the watch', async () => {
      lab.seed('a');
      const { copy, reflector } = lab.start();
      await untilNames(copy, 'a');
      const { watches } = reflector.counts;
      await lab.trouble('end');
      await until(() => expect(reflector.counts.watches).toBeGreaterThan(watches));
      lab.seed('b');
      await untilNames(copy, 'a', 'b');
      expect(reflector.counts.lists).toBe(1);
      expect(copy.path).not.toContain('forbidden');
    });

    it('calls itself synced at the first word of a watch, and does not wait for the connection to settle', async () => {
      lab.seed('a');
      const { copy } = lab.start({ timings: { settleMs: 600_000 } });
      await untilNames(copy, 'a');
      await lab.server.refuseConnections();
      await untilState(copy, 'stale');
      await lab.server.acceptConnections();
      await lab.untilWatched();
      lab.seed('b');
      await untilState(copy, 'synced');
    });

    it('begins to back off from the bottom again after a good connection', async () => {
      let luck = 0;
      lab.server.faults.add({ trouble: { kind: 'status', status: 503 }, times: 30 });
      lab.seed('a');
      const { copy, reflector } = lab.start({
        random: () => luck,
        timings: { backoff: { minMs: 1, maxMs: 600_000 } },
      });
      await untilNames(copy, 'a');
      await lab.untilWatched();
      await lab.trouble('end');
      // The second watch ends after it has settled; bad luck would now cost ten minutes, were 30 failures still counted.
      await until(() => expect(reflector.counts.watches).toBeGreaterThan(1));
      await new Promise((resolve) => setTimeout(resolve, 100));
      luck = 0.999;
      await lab.trouble('reset');
      lab.seed('b');
      await untilNames(copy, 'a', 'b');
    });

    it('backs off from a server that ends every watch at once', async () => {
      lab.seed('a');
      lab.server.faults.add({
        verbs: ['watch'],
        when: (query) => query.has('resourceVersion'),
        trouble: { kind: 'stream', afterLines: 0, then: 'end' },
      });
      const { copy, reflector } = lab.start({ timings: { backoff: { minMs: 60, maxMs: 60 } } });
      await untilNames(copy, 'a');
      // The watch that began as a watch-list is not one of those.
      if (watchList === 'served') await lab.trouble('end');
      await until(() => expect(lab.resumptions.length).toBeGreaterThan(3));
      const times = lab.server.requests.filter(({ query }) => query.has('resourceVersion')).map(({ atMs }) => atMs);
      const pauses = times.slice(1).map((atMs, index) => atMs - (times[index] ?? 0));
      expect(Math.min(...pauses)).toBeGreaterThan(50);
      expect(reflector.counts.lists).toBe(1);
    });

    it.each(['error-event', 'http'] as const)('lists again when its history is gone (410 as %s)', async (expiredAs) => {
      lab.server.expiredAs = expiredAs;
      lab.seed('a', 'b');
      const { copy, reflector } = lab.start();
      await untilNames(copy, 'a', 'b');
      await lab.server.refuseConnections();
      lab.unseed('a');
      lab.seed('c');
      lab.server.storage.compact();
      await lab.server.acceptConnections();
      await untilNames(copy, 'b', 'c');
      expect(copy.replaces).toEqual([2, 2]);
      expect(reflector.counts.relists.expired).toBe(1);
      await untilState(copy, 'synced');
    });

    it('need not list again after a compaction when bookmarks have kept it up to date', async () => {
      lab.seed('a');
      const { copy, reflector } = lab.start();
      await untilNames(copy, 'a');
      await lab.untilWatched();
      // The rest of the cluster is busy; this kind is not.
      lab.server.seed('services', [{ metadata: { namespace: 'default', name: 's' } }]);
      lab.server.bookmark();
      await until(() => expect(reflector.counts.bookmarks).toBe(1));
      lab.server.storage.compact();
      await lab.trouble('reset');
      await until(() => expect(lab.resumptions.at(-1)).toBe(String(lab.server.storage.revision)));
      lab.seed('b');
      await untilNames(copy, 'a', 'b');
      expect(reflector.counts.lists).toBe(1);
      expect(
        lab.server.requests.every(({ verb, query }) => verb === 'list' || query.get('allowWatchBookmarks') === 'true'),
      ).toBe(true);
    });

    it('leaves a watch that falls silent after a bookmark, and goes on from there', async () => {
      lab.seed('a');
      const { copy, reflector } = lab.start({ timings: { bookmarkSilenceMs: 200 } });
      await untilNames(copy, 'a');
      await lab.untilWatched();
      lab.server.seed('services', [{ metadata: { namespace: 'default', name: 's' } }]);
      lab.server.bookmark();
      await until(() => expect(reflector.counts.bookmarks).toBe(1));
      await lab.trouble('freeze');
      lab.seed('b');
      await untilNames(copy, 'a', 'b');
      expect(reflector.counts.lists).toBe(1);
      expect(copy.path).not.toContain('stale');
    });

    it('leaves a watch that the server forgets to end', async () => {
      lab.seed('a');
      const { copy, reflector } = lab.start({
        timings: { watchSeconds: { min: 1, max: 1 }, overdueMs: 50, bookmarkSilenceMs: 60_000 },
      });
      await untilNames(copy, 'a');
      await lab.trouble('freeze');
      lab.seed('b');
      await untilNames(copy, 'a', 'b');
      expect(reflector.counts.lists).toBe(1);
    });

    it('gives up waiting for an answer that does not begin', async () => {
      lab.seed('a');
      const { copy } = lab.start({ timings: { openTimeoutMs: 100 } });
      await untilNames(copy, 'a');
      await lab.untilWatched();
      const mend = lab.server.faults.add({ verbs: ['watch'], trouble: { kind: 'hang' } });
      await lab.trouble('reset');
      await untilCause(copy, 'kube-timeout');
      mend();
      lab.seed('b');
      await untilNames(copy, 'a', 'b');
    });

    it('bears with a watch that has had no bookmark yet', async () => {
      lab.seed('a');
      const { copy } = lab.start({ timings: { bookmarkSilenceMs: 1, initialSilenceMs: 100 } });
      await untilNames(copy, 'a');
      await lab.untilWatched();
      await new Promise((resolve) => setTimeout(resolve, 200));
      // One watch follows a LIST (also where a busy machine made the watch-list look silent), and none a watch-list.
      const hasListed = lab.server.requests.some(({ verb }) => verb === 'list');
      expect(lab.resumptions).toHaveLength(hasListed ? 1 : 0);
    });

    it('notices when the server has been put back to an earlier time', async () => {
      lab.seed('a');
      const { copy, reflector } = lab.start({ timings: { watchSeconds: { min: 1, max: 1 } } });
      await untilNames(copy, 'a');
      await lab.untilWatched();
      await lab.server.refuseConnections();
      lab.server.storage.restoreEmpty();
      lab.seed('restored');
      await lab.server.acceptConnections();
      await untilNames(copy, 'restored');
      expect(reflector.counts.relists.rewound).toBe(1);
    });

    it('asks for that moment within its selection, and for no object beside it', async () => {
      lab.seed('a');
      lab.seed('foreign');
      const { copy, reflector } = lab.start({
        selection: { resource: configMaps, namespace: 'default', fieldSelector: 'metadata.name=a' },
        timings: { watchSeconds: { min: 1, max: 1 } },
      });
      await untilNames(copy, 'a');
      const asked = lab.server.requests.length;
      await until(() => expect(reflector.counts.watches).toBeGreaterThan(2));
      const questions = lab.server.requests.slice(asked).filter(({ verb }) => verb === 'list');
      expect(questions.length).toBeGreaterThan(0);
      for (const { query } of questions) expect(query.get('fieldSelector')).toBe('metadata.name=a');
    });

    it('does not list again because nothing happens', async () => {
      lab.seed('a');
      const { copy, reflector } = lab.start({ timings: { watchSeconds: { min: 1, max: 1 } } });
      await untilNames(copy, 'a');
      const { watches } = reflector.counts;
      await until(() => expect(reflector.counts.watches).toBeGreaterThan(watches + 2));
      expect(reflector.counts.lists).toBe(1);
      expect(copy.path).toEqual(['syncing', 'synced']);
    });

    it('lists again when the same ERROR event meets it twice, and not when the watch got anywhere', async () => {
      lab.seed('a');
      const { copy, reflector } = lab.start();
      await untilNames(copy, 'a');
      lab.seed('b');
      await untilNames(copy, 'a', 'b');
      const { lists } = reflector.counts;
      await lab.trouble({ errorEvent: 500 });
      await lab.untilWatched();
      expect(reflector.counts.lists).toBe(lists);
      await lab.trouble({ errorEvent: 500 });
      await until(() => expect(reflector.counts.relists.refused).toBe(1));
      await until(() => expect(reflector.counts.lists).toBe(lists + 1));
      expect(copy.departed).toEqual([]);
    });
  },
);
