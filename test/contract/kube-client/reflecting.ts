import { expect, vi } from 'vitest';
import { configMaps, definitions, until, widgets, type Case } from './scene.ts';

export const reflectingCases: Readonly<Record<string, Case>> = {
  'tells what exists and what changes': async (scene) => {
    await scene.create(configMaps, 'a');
    await scene.create(configMaps, 'b');
    const { copy } = scene.reflect();
    await until(() => expect(copy.names).toEqual(['a', 'b']));
    expect(copy.replaces).toHaveLength(1);
    await scene.create(configMaps, 'c');
    await scene.delete(configMaps, 'a');
    await until(() => expect(copy.names).toEqual(['b', 'c']));
    expect(copy.path).toEqual(['syncing', 'synced']);
    const { resourceVersion } = (await scene.admin.get(configMaps, { namespace: scene.namespace, name: 'c' })).metadata;
    expect(copy.objects.get(`${scene.namespace}/c`)?.resourceVersion).toBe(resourceVersion);
  },
  'tells of an object that leaves or enters the selection': async (scene) => {
    const { copy } = scene.reflect({
      selection: { resource: configMaps, namespace: scene.namespace, labelSelector: 'app=x' },
    });
    await scene.create(configMaps, 'a', { metadata: { name: 'a', labels: { app: 'x' } } });
    await scene.create(configMaps, 'b');
    await until(() => expect(copy.names).toEqual(['a']));
    await scene.label('a', { app: 'y' });
    await scene.label('b', { app: 'x' });
    await until(() => expect(copy.names).toEqual(['b']));
  },
  'takes a watch up again after a crash': async (scene) => {
    await scene.create(configMaps, 'a');
    const { copy } = scene.reflect();
    await until(() => expect(copy.now).toBe('synced'));
    await scene.cluster.crash();
    await until(() => expect(copy.now).toBe('stale'));
    expect(copy.names).toEqual(['a']);
    await scene.cluster.recover();
    await scene.create(configMaps, 'b');
    await until(() => expect(copy.names).toEqual(['a', 'b']));
    await until(() => expect(copy.now).toBe('synced'));
    expect(copy.departed).toEqual([]);
  },
  'refuses to go on from a history that it has forgotten': async (scene) => {
    await scene.create(configMaps, 'a');
    await scene.create(configMaps, 'b');
    const { copy, reflector } = scene.reflect();
    await until(() => expect(copy.names).toEqual(['a', 'b']));
    await scene.cluster.forget();
    await until(() => expect(reflector.counts.relists.expired).toBeGreaterThan(0));
    await scene.create(configMaps, 'c');
    await scene.delete(configMaps, 'a');
    await until(() => expect(copy.names).toEqual(['b', 'c']));
    expect(copy.departed).toEqual([`${scene.namespace}/a`]);
  },
  'sends bookmarks to those who ask for them': async (scene) => {
    await scene.create(configMaps, 'a');
    // The real server sends one a minute, and one shortly before a watch ends, if there is a newer version to tell.
    const { reflector } = scene.reflect({ timings: { watchSeconds: { min: 5, max: 5 } } });
    let round = 0;
    const isMarked = async (): Promise<void> => {
      round += 1;
      await scene.label('a', { round: String(round) });
      expect(reflector.counts.bookmarks).toBeGreaterThan(0);
    };
    await vi.waitFor(isMarked, { timeout: 60_000, interval: 500 });
  },
  'forbids, and lets in once the right is granted': async (scene) => {
    await scene.cluster.allow([]);
    await scene.create(configMaps, 'a');
    const { copy } = scene.reflect({}, scene.restricted);
    await until(() => expect(copy.states.at(-1)).toMatchObject({ kind: 'forbidden', verbs: ['list', 'watch'] }));
    const rule = { groups: [''], resources: ['configmaps'] };
    await scene.cluster.allow([{ ...rule, verbs: ['list'] }]);
    await until(() => expect(copy.states.at(-1)).toMatchObject({ kind: 'forbidden', verbs: ['watch'] }));
    await until(() => expect(copy.names).toEqual(['a']));
    await scene.cluster.allow([{ ...rule, verbs: ['list', 'watch'] }]);
    await until(() => expect(copy.now).toBe('synced'));
    await scene.create(configMaps, 'b');
    await until(() => expect(copy.names).toEqual(['a', 'b']));
  },
  'knows a kind for as long as its definition exists': async (scene) => {
    const { copy } = scene.reflect({ selection: { resource: widgets, namespace: scene.namespace } });
    await until(() => expect(copy.now).toBe('absent'));
    await scene.create(definitions, 'widgets.contract.test', {
      spec: {
        group: widgets.group,
        scope: 'Namespaced',
        names: { plural: widgets.plural, singular: 'widget', kind: widgets.kind, listKind: 'WidgetList' },
        versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }],
      },
    });
    await until(() => expect(copy.now).toBe('synced'));
    await until(async () => void (await scene.create(widgets, 'w')));
    await until(() => expect(copy.names).toEqual(['w']));
    await scene.delete(definitions, 'widgets.contract.test');
    await until(() => expect(copy.names).toEqual([]));
    await until(() => expect(copy.now).toBe('absent'));
  },
};
