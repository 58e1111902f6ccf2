import { expect } from 'vitest';
import { objectPath } from '../../../src/kube/resource.ts';
import { configMaps, events, ingresses, type Case } from './scene.ts';

const backend = { spec: { defaultBackend: { service: { name: 's', port: { number: 80 } } } } };
const mine = { fieldManager: 'mine', isForced: false };
const theirs = { fieldManager: 'theirs', isForced: false };
const address = (ip: string): object => ({ loadBalancer: { ingress: [{ ip }] } });

export const writingCases: Readonly<Record<string, Case>> = {
  'removes an object only in the version that is meant': async (scene) => {
    const before = await scene.create(configMaps, 'a');
    await scene.label('a', { changed: 'yes' });
    const path = objectPath(configMaps, { namespace: scene.namespace, name: 'a' });
    const remove = (version: unknown): Promise<unknown> =>
      scene.admin.request({ method: 'DELETE', path, body: { preconditions: { resourceVersion: version } } });
    await expect(remove(before.metadata.resourceVersion)).rejects.toMatchObject({ status: 409 });
    const { metadata } = await scene.admin.get(configMaps, { namespace: scene.namespace, name: 'a' });
    await remove(metadata.resourceVersion);
    await expect(remove(metadata.resourceVersion)).rejects.toMatchObject({ status: 404 });
  },
  'takes back its part of a status by saying nothing, and no part of others': async (scene) => {
    await scene.create(ingresses, 'web', backend);
    const target = { resource: ingresses, namespace: scene.namespace, name: 'web' };
    await scene.admin.applyStatus(target, address('192.0.2.1'), mine);
    await scene.admin.applyStatus(target, address('192.0.2.1'), theirs);
    await scene.admin.applyStatus(target, undefined, mine);
    const { status, metadata } = await scene.admin.get(ingresses, target);
    expect(status).toEqual(address('192.0.2.1'));
    expect(JSON.stringify(metadata['managedFields'])).not.toContain('"mine"');
    await scene.admin.applyStatus(target, undefined, theirs);
    const emptied = await scene.admin.get(ingresses, target);
    expect(JSON.stringify(emptied['status'] ?? {})).not.toContain('192.0.2.1');
  },
  'refuses a write that starts from an old version': async (scene) => {
    const before = await scene.create(configMaps, 'a');
    const path = objectPath(configMaps, { namespace: scene.namespace, name: 'a' });
    await scene.admin.request({ method: 'PUT', path, body: { ...before, data: { by: 'us' } } });
    const late = scene.admin.request({ method: 'PUT', path, body: { ...before, data: { by: 'others' } } });
    await expect(late).rejects.toMatchObject({ status: 409, reason: 'Conflict' });
  },
  'applies: creates, changes nothing twice, removes what is no longer said': async (scene) => {
    const target = { resource: configMaps, namespace: scene.namespace, name: 'a' };
    const first = await scene.admin.apply(target, { data: { x: '1', y: '2' } }, mine);
    const second = await scene.admin.apply(target, { data: { x: '1', y: '2' } }, mine);
    expect(first).toMatchObject({ kind: 'written', object: { data: { x: '1', y: '2' } } });
    expect(second).toEqual(first);
    await scene.admin.apply(target, { data: { x: '1' } }, mine);
    expect((await scene.admin.get(configMaps, target))['data']).toEqual({ x: '1' });
  },
  'applies a field only once its owner agrees or is overruled': async (scene) => {
    const target = { resource: configMaps, namespace: scene.namespace, name: 'a' };
    await scene.admin.apply(target, { data: { x: '1' } }, mine);
    await expect(scene.admin.apply(target, { data: { x: '2' } }, theirs)).resolves.toMatchObject({
      kind: 'conflict',
      conflicts: [{ manager: 'mine', field: '.data.x' }],
    });
    await expect(scene.admin.apply(target, { data: { x: '1' } }, theirs)).resolves.toMatchObject({ kind: 'written' });
    await expect(scene.admin.apply(target, { data: { x: '2' } }, { ...theirs, isForced: true })).resolves.toMatchObject(
      {
        kind: 'written',
        object: { data: { x: '2' } },
      },
    );
  },
  'applies a status, and leaves the rest alone': async (scene) => {
    const before = await scene.create(ingresses, 'web', backend);
    const target = { resource: ingresses, namespace: scene.namespace, name: 'web' };
    const result = await scene.admin.applyStatus(target, address('192.0.2.1'), mine);
    expect(result).toMatchObject({ kind: 'written', object: { status: address('192.0.2.1'), spec: before['spec'] } });
    await expect(scene.admin.applyStatus(target, address('192.0.2.1'), mine)).resolves.toEqual(result);
    await expect(scene.admin.applyStatus(target, address('192.0.2.2'), theirs)).resolves.toMatchObject({
      kind: 'conflict',
      conflicts: [{ manager: 'mine', field: '.status.loadBalancer.ingress' }],
    });
    await scene.admin.applyStatus(target, address('192.0.2.2'), { ...theirs, isForced: true });
    // What others own by now is not taken away by our saying nothing.
    await scene.admin.applyStatus(target, {}, mine);
    expect((await scene.admin.get(ingresses, target))['status']).toEqual(address('192.0.2.2'));
    await scene.admin.applyStatus(target, { loadBalancer: {} }, { ...theirs, isForced: true });
    const { status } = await scene.admin.get(ingresses, target);
    expect(status).toEqual({ loadBalancer: {} });
  },
  'merges a status, whoever owns it': async (scene) => {
    await scene.create(ingresses, 'web', backend);
    const target = { resource: ingresses, namespace: scene.namespace, name: 'web' };
    await scene.admin.applyStatus(target, address('192.0.2.1'), mine);
    await expect(scene.admin.mergeStatus(target, address('192.0.2.2'), theirs)).resolves.toMatchObject({
      kind: 'written',
      object: { status: address('192.0.2.2') },
    });
  },
  'writes no status to an object that is gone or another': async (scene) => {
    const target = { resource: ingresses, namespace: scene.namespace, name: 'web' };
    await expect(scene.admin.applyStatus(target, {}, mine)).resolves.toMatchObject({ kind: 'missing' });
    await expect(scene.admin.mergeStatus(target, {}, mine)).resolves.toMatchObject({ kind: 'missing' });
    const { uid } = (await scene.create(ingresses, 'web', backend)).metadata;
    await scene.delete(ingresses, 'web');
    await scene.create(ingresses, 'web', backend);
    const stale = { ...target, uid };
    await expect(scene.admin.applyStatus(stale, address('192.0.2.1'), mine)).resolves.toMatchObject({
      kind: 'conflict',
      conflicts: [],
    });
    await expect(scene.admin.mergeStatus(stale, address('192.0.2.1'), mine)).resolves.toMatchObject({
      kind: 'conflict',
    });
  },
  'counts an Event that is repeated, also by the next process': async (scene) => {
    const { namespace } = scene;
    const { uid } = (await scene.create(ingresses, 'web', backend)).metadata;
    const subject = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', namespace, name: 'web', uid };
    const note = { subject, type: 'Warning', reason: 'ServiceNotFound', message: 'there is no Service s' } as const;
    const source = { component: 'contract', instance: 'node-1' };
    const recorder = scene.admin.eventRecorder(source);
    await recorder.record(note);
    await recorder.record(note);
    await scene.admin.eventRecorder(source).record(note);
    await recorder.record({ ...note, message: 'something else' });
    const { objects } = await scene.admin.list({ resource: events, namespace }, (object) => object);
    const counted = objects.filter((event) => event['reason'] === 'ServiceNotFound');
    expect(Object.fromEntries(counted.map((event) => [event['message'], event['count']]))).toEqual({
      'something else': 1,
      'there is no Service s': 3,
    });
    expect(counted[0]).toMatchObject({ involvedObject: subject, type: 'Warning', source: { component: 'contract' } });
  },
  'writes an Event about an object that has no namespace': async (scene) => {
    const subject = { apiVersion: 'v1', kind: 'Namespace', name: scene.namespace };
    const note = { subject, type: 'Normal', reason: 'Seen', message: scene.namespace } as const;
    await scene.admin.eventRecorder({ component: 'contract', instance: 'node-1' }).record(note);
    const { objects } = await scene.admin.list(
      { resource: events, namespace: 'default' },
      (object) => object['message'],
    );
    expect(objects).toContain(scene.namespace);
  },
};
