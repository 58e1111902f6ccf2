import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FakeApiServer } from '../../test/fakes/apiserver/apiserver.ts';
import { asJson } from '../../test/fakes/apiserver/stored-object.ts';
import { silentLogger } from '../lib/logger.ts';
import { KubeClient } from './client.ts';
import type { EventNote } from './event-note.ts';

const source = { component: 'test', instance: 'node-1' };
const subject = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', namespace: 'default', name: 'web', uid: 'u-1' };
const note: EventNote = { subject, type: 'Warning', reason: 'Broken', message: 'it is broken' };

let server: FakeApiServer;
let client: KubeClient;

beforeEach(async () => {
  server = await FakeApiServer.start();
  client = new KubeClient({ config: server.config(), logger: silentLogger, userAgent: 'events-test/1' });
});
afterEach(async () => {
  client.close();
  await server.close();
});

function stored(): ReturnType<FakeApiServer['storage']['at']> {
  const resource = { group: '', version: 'v1', plural: 'events', kind: 'Event', isNamespaced: true };
  return server.storage.at({ ...resource, hasStatus: false, isCustom: false }, server.storage.revision);
}

describe('EventRecorder', () => {
  it('writes the same Event once, and then only its count', async () => {
    const recorder = client.eventRecorder(source);
    for (let round = 0; round < 3; round += 1) await recorder.record(note);
    expect(stored()).toHaveLength(1);
    expect(stored()[0]).toMatchObject({
      involvedObject: subject,
      count: 3,
      source: { component: 'test', host: 'node-1' },
    });
    expect(server.requests.map(({ verb }) => verb)).toEqual(['create', 'patch', 'patch']);
  });

  it('writes many similar Events as one, which has the latest message', async () => {
    const recorder = client.eventRecorder(source);
    for (let n = 0; n < 15; n += 1) await recorder.record({ ...note, message: `m${String(n)}` });
    const combined = stored().filter((event) => String(event['message']).startsWith('(combined'));
    expect(stored()).toHaveLength(10);
    expect(combined).toMatchObject([{ message: '(combined from similar events): m14', count: 6 }]);
  });

  it('leaves out what is too much about one object, without a request', async () => {
    const recorder = client.eventRecorder(source);
    const results: boolean[] = [];
    for (let n = 0; n < 30; n += 1) results.push(await recorder.record(note));
    expect(results.filter(Boolean)).toHaveLength(25);
    expect(stored()[0]).toMatchObject({ count: 25 });
    expect(server.requests).toHaveLength(25);
  });

  it('goes on counting what an earlier process began, without reading Events', async () => {
    await client.eventRecorder(source).record(note);
    await client.eventRecorder(source).record(note);
    expect(stored()).toHaveLength(1);
    expect(stored()[0]).toMatchObject({ count: 2 });
    expect(new Set(server.requests.map(({ verb }) => verb))).toEqual(new Set(['create', 'patch']));
  });

  it('begins anew when the server has forgotten the Event', async () => {
    const recorder = client.eventRecorder(source);
    await recorder.record(note);
    await recorder.record(note);
    server.unseed('events', 'default', stored()[0]?.metadata.name ?? '');
    await recorder.record(note);
    expect(stored()[0]).toMatchObject({ count: 1 });
    await recorder.record(note);
    expect(stored()[0]).toMatchObject({ count: 2 });
  });

  it.each<readonly [string, Partial<EventNote>]>([
    ['message', { message: 'another' }],
    ['reason', { reason: 'Other' }],
    ['type', { type: 'Normal' }],
    ['object', { subject: { ...subject, name: 'web2' } }],
    ['life of the object', { subject: { ...subject, uid: 'u-2' } }],
  ])('tells Events apart by their %s', async (_what, more) => {
    const recorder = client.eventRecorder(source);
    await recorder.record(note);
    await recorder.record({ ...note, ...more });
    expect(stored().map((event) => event['count'])).toEqual([1, 1]);
  });

  it('writes to the namespace default about an object that has none', async () => {
    const { namespace: _namespace, ...clusterScoped } = subject;
    await client.eventRecorder(source).record({ ...note, subject: clusterScoped });
    expect(stored()[0]?.metadata['namespace']).toBe('default');
  });

  it('keeps within the limits of names and messages', async () => {
    const name = `${'x'.repeat(235)}.${'y'.repeat(17)}`;
    await client.eventRecorder(source).record({ ...note, subject: { ...subject, name }, message: 'm'.repeat(5000) });
    const [event] = stored();
    expect(event?.metadata.name).toMatch(/^x{235}\.[0-9a-f]{16}$/);
    expect(String(event?.['message'])).toHaveLength(1024);
    expect(asJson(event?.['involvedObject'])['name']).toBe(name);
  });

  it('passes on what the server refuses', async () => {
    server.faults.add({ trouble: { kind: 'status', status: 500 } });
    await expect(client.eventRecorder(source).record(note)).rejects.toMatchObject({ code: 'kube-http-500' });
  });
});
