import { expect } from 'vitest';
import type { RawObject } from '../../../src/kube/raw-object.ts';
import { configMaps, ingresses, namespaces, widgets, type Case } from './scene.ts';

export const readingCases: Readonly<Record<string, Case>> = {
  'lists page by page, every object whole': async (scene) => {
    const names = Array.from({ length: 620 }, (_, index) => `c-${String(index).padStart(3, '0')}`);
    for (let start = 0; start < names.length; start += 20) {
      await Promise.all(
        names.slice(start, start + 20).map((name) => scene.create(configMaps, name, { data: { name } })),
      );
    }
    const selection = {
      resource: configMaps,
      namespace: scene.namespace,
      fieldSelector: 'metadata.name!=kube-root-ca.crt',
    };
    const listing = await scene.admin.list(selection, (object) => object);
    expect(listing.objects.map(({ metadata }) => metadata.name)).toEqual(names);
    expect(listing.objects[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap', data: { name: 'c-000' } });
    expect(listing.total).toBe(620);
  },
  'lists only what is selected': async (scene) => {
    await scene.create(configMaps, 'a', { metadata: { name: 'a', labels: { app: 'x' } } });
    await scene.create(configMaps, 'b', { metadata: { name: 'b', labels: { app: 'y' } } });
    const name = (object: RawObject): string => object.metadata.name;
    const all = { resource: configMaps, namespace: scene.namespace };
    expect((await scene.admin.list({ ...all, labelSelector: 'app=y' }, name)).objects).toEqual(['b']);
    expect((await scene.admin.list({ ...all, labelSelector: 'app' }, name)).objects).toEqual(['a', 'b']);
    expect((await scene.admin.list({ ...all, labelSelector: '!app,app!=x' }, name)).objects).not.toContain('a');
    expect((await scene.admin.list({ ...all, fieldSelector: 'metadata.name=a' }, name)).objects).toEqual(['a']);
  },
  'answers 404 for a kind that it does not know': async (scene) => {
    await expect(scene.admin.list({ resource: widgets }, (object) => object)).rejects.toMatchObject({ status: 404 });
  },
  'answers 401 to a stranger': async (scene) => {
    await expect(scene.stranger().get(namespaces, { name: 'default' })).rejects.toMatchObject({ status: 401 });
  },
  'says which verb is missing, for an object, a list and a subresource': async (scene) => {
    await scene.cluster.allow([]);
    const { namespace, restricted } = scene;
    await expect(restricted.get(configMaps, { namespace, name: 'x' })).rejects.toMatchObject({
      denied: { verb: 'get', group: '', resource: 'configmaps', namespace },
    });
    await expect(restricted.list({ resource: ingresses }, (object) => object)).rejects.toMatchObject({
      denied: { verb: 'list', group: 'networking.k8s.io', resource: 'ingresses', namespace: undefined },
    });
    const target = { resource: ingresses, namespace, name: 'x' };
    await expect(restricted.applyStatus(target, {}, { fieldManager: 'm', isForced: true })).rejects.toMatchObject({
      denied: { verb: 'patch', group: 'networking.k8s.io', resource: 'ingresses/status', namespace },
    });
  },
};
