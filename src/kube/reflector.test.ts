import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { everything } from '../../test/fakes/apiserver/access.ts';
import {
  configMaps,
  ReflectionLab,
  until,
  untilCause,
  untilNames,
  untilState,
  widgets,
} from '../../test/fakes/reflection-lab.ts';
import { projectConfigMap, ReflectionCopy } from '../../test/fakes/reflection-copy.ts';

let lab: ReflectionLab;

describe.each(['served', 'refused'] as const)('Reflector, watch-list %s', (watchList) => {
  beforeEach(async () => {
    lab = await ReflectionLab.open(watchList);
  });
  afterEach(() => lab.close());

  it('takes over what exists at once, and then every change', async () => {
    lab.seed('a', 'b', 'c');
    const { copy } = lab.start();
    await untilNames(copy, 'a', 'b', 'c');
    expect(copy.replaces).toEqual([3]);
    expect(copy.path).toEqual(['syncing', 'synced']);
    lab.seed('d');
    lab.server.seed('configmaps', [{ metadata: { namespace: 'default', name: 'a' }, data: { x: 'new' } }]);
    lab.unseed('b');
    await untilNames(copy, 'a', 'c', 'd');
    expect(copy.objects.get('default/a')?.data).toBe('{"x":"new"}');
    expect(copy.replaces).toEqual([3]);
  });

  it('takes over ten thousand objects in one piece', async () => {
    lab.seed(...Array.from({ length: 10_000 }, (_, index) => `object-${index}`));
    const { copy } = lab.start();
    await until(() => expect(copy.replaces).toEqual([10_000]));
    const lists = lab.server.requests.filter(({ verb }) => verb === 'list').length;
    expect(lists).toBe(watchList === 'served' ? 0 : 20);
  });

  it('hands over nothing that project does not keep, and removes what it no longer keeps', async () => {
    lab.seed('a', 'b');
    lab.server.seed('configmaps', [{ metadata: { namespace: 'default', name: 'hidden', labels: { keep: 'no' } } }]);
    const { copy } = lab.start();
    await untilNames(copy, 'a', 'b');
    lab.server.seed('configmaps', [{ metadata: { namespace: 'default', name: 'a', labels: { keep: 'no' } } }]);
    await untilNames(copy, 'b');
  });

  it('asks only for its selection', async () => {
    lab.server.seed('configmaps', [
      { metadata: { namespace: 'default', name: 'wanted', labels: { app: 'x' } } },
      { metadata: { namespace: 'default', name: 'other', labels: { app: 'x' } } },
      { metadata: { namespace: 'kube-system', name: 'wanted', labels: { app: 'x' } } },
    ]);
    const narrow = {
      resource: configMaps,
      namespace: 'default',
      fieldSelector: 'metadata.name=wanted',
      labelSelector: 'app=x',
    };
    const { copy } = lab.start({ selection: narrow });
    await until(() => expect([...copy.objects.keys()]).toEqual(['default/wanted']));
    lab.seed('another');
    lab.unseed('wanted');
    await untilNames(copy);
    expect(copy.departed).toEqual(['default/wanted']);
  });

  it('names the missing verbs, keeps trying, and syncs once they are granted', async () => {
    lab.seed('a');
    lab.loginAs('ann', []);
    const { copy } = lab.start();
    await untilState(copy, 'forbidden');
    expect(copy.states.at(-1)).toMatchObject({
      kind: 'forbidden',
      verbs: ['list', 'watch'],
      cause: { denied: { user: 'ann', resource: 'configmaps', group: '', namespace: undefined } },
    });
    lab.server.access.allow('ann', everything);
    await untilNames(copy, 'a');
    await untilState(copy, 'synced');
  });

  it('serves what it may list, and names the verb, when only watch is missing', async () => {
    lab.seed('a');
    const mayList = [{ verbs: ['list'], groups: [''], resources: ['configmaps'] }];
    lab.loginAs('ann', mayList);
    const { copy } = lab.start();
    await untilState(copy, 'forbidden');
    expect(copy.states.at(-1)).toMatchObject({ verbs: ['watch'] });
    expect(copy.names).toEqual(['a']);
  });

  it('keeps everything when its rights are taken away', async () => {
    lab.seed('a', 'b');
    lab.loginAs('ann', everything);
    const { copy } = lab.start();
    await untilNames(copy, 'a', 'b');
    await lab.untilWatched();
    lab.server.access.allow('ann', []);
    await lab.trouble('end');
    await untilState(copy, 'forbidden');
    expect(copy.states.at(-1)).toMatchObject({ verbs: ['watch'] });
    lab.server.access.allow('ann', everything);
    await untilState(copy, 'synced');
    expect(copy.replaces).toEqual([2]);
    expect(copy.departed).toEqual([]);
  });

  it('waits for a kind that is not there yet', async () => {
    const { copy } = lab.start({ selection: { resource: widgets } });
    await untilState(copy, 'absent');
    await lab.installWidgets();
    await untilState(copy, 'synced');
    await lab.createWidget('w');
    await untilNames(copy, 'w');
  });

  it('keeps what it has when the kind answers 404, and goes on when it is back', async () => {
    lab.seed('a');
    const { copy } = lab.start();
    await untilNames(copy, 'a');
    await lab.untilWatched();
    const mend = lab.server.faults.add({ trouble: { kind: 'status', status: 404 } });
    await lab.trouble('end');
    await untilState(copy, 'absent');
    expect(copy.names).toEqual(['a']);
    mend();
    await untilState(copy, 'synced');
    expect(copy.departed).toEqual([]);
  });

  it('drops the objects of a CRD that is deleted, because the server says so', async () => {
    await lab.installWidgets();
    await lab.createWidget('w');
    const { copy } = lab.start({ selection: { resource: widgets } });
    await untilNames(copy, 'w');
    await lab.client.request({
      method: 'DELETE',
      path: '/apis/apiextensions.k8s.io/v1/customresourcedefinitions/widgets.example.test',
    });
    await untilNames(copy);
    await untilState(copy, 'absent');
    await lab.installWidgets();
    await lab.createWidget('x');
    await untilNames(copy, 'x');
  });

  it('believes an empty list only when it keeps coming, every time anew', async () => {
    const { copy } = lab.start();
    for (const lists of [1, 2]) {
      lab.seed('a', 'b');
      await untilNames(copy, 'a', 'b');
      await lab.server.refuseConnections();
      lab.unseed('a');
      lab.unseed('b');
      lab.server.storage.compact();
      await lab.server.acceptConnections();
      await untilCause(copy, 'kube-list-empty');
      expect(copy.now).toBe('stale');
      expect(copy.names).toEqual(['a', 'b']);
      await untilNames(copy);
      await untilState(copy, 'synced');
      expect(copy.replaces).toHaveLength(1 + lists);
    }
  });

  it('is not fooled by an empty list that does not keep coming', async () => {
    lab.seed('a', 'b');
    const { copy, reflector } = lab.start({ timings: { lossConfirmMs: 600_000 } });
    await untilNames(copy, 'a', 'b');
    const { lists } = reflector.counts;
    await lab.server.refuseConnections();
    lab.unseed('a');
    lab.unseed('b');
    lab.server.storage.compact();
    await lab.server.acceptConnections();
    await until(() => expect(reflector.counts.lists).toBeGreaterThan(lists + 2));
    lab.seed('b');
    await untilNames(copy, 'b');
    expect(copy.replaces).toEqual([2, 1]);
  });

  it('doubts a list that lacks more than half of many objects, until it keeps coming, and no event that deletes them', async () => {
    const names = Array.from({ length: 30 }, (_, index) => `o${String(index).padStart(2, '0')}`);
    const { copy } = lab.start();
    lab.seed(...names);
    await untilNames(copy, ...names);
    const cutOff = async (change: () => void): Promise<void> => {
      await lab.server.refuseConnections();
      change();
      lab.server.storage.compact();
      await lab.server.acceptConnections();
    };
    await cutOff(() => names.slice(10).forEach((name) => lab.unseed(name)));
    await untilCause(copy, 'kube-list-shrunk');
    expect(copy.now).toBe('stale');
    expect(copy.names).toEqual(names);
    await untilNames(copy, ...names.slice(0, 10));
    await untilState(copy, 'synced');
    // Of few objects half may go at any time.
    await cutOff(() => names.slice(1, 10).forEach((name) => lab.unseed(name)));
    await untilNames(copy, 'o00');
    expect(copy.states.filter((state) => 'cause' in state && state.cause.code === 'kube-list-shrunk')).toHaveLength(1);
  });

  it('believes an empty first list, unless the consumer was filled before', async () => {
    const { copy } = lab.start();
    await untilState(copy, 'synced');
    expect(copy.replaces).toEqual([0]);
    const filled = lab.start({ isConsumerFilled: true, timings: { lossConfirmMs: 600_000 } });
    await until(() => expect(filled.copy.states.at(-1)).toMatchObject({ cause: { code: 'kube-list-empty' } }));
    expect(filled.copy.replaces).toEqual([]);
  });

  it('ends with the mistake of its consumer instead of hiding it', async () => {
    lab.seed('a');
    const mistake = new Error('a bug');
    const copy = new ReflectionCopy();
    copy.upsert = () => {
      throw mistake;
    };
    const reflector = lab.client.reflector({
      selection: { resource: configMaps },
      project: projectConfigMap,
      consumer: copy,
    });
    const ended = reflector.run(new AbortController().signal);
    await untilNames(copy, 'a');
    const rejected = expect(ended).rejects.toBe(mistake);
    lab.seed('b');
    await rejected;
  });
});
