import { describe, expect, it } from 'vitest';
import { STANDALONE_SETTINGS } from '../src/app/check.ts';
import { labelSelectorOf } from '../src/app/flags/readers.ts';
import { Compiler } from '../src/compile/compiler.ts';
import { NO_NODE_FACTS } from '../src/compile/settings.ts';
import { routeRows } from '../src/observe/views.ts';
import { admitObject } from '../src/sources/admit/admit.ts';
import { Store } from '../src/sources/store.ts';

function ingressIn(namespace: string): object {
  const http = {
    paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }],
  };
  const rules = [{ host: `${namespace}.test`, http }];
  return { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'a', namespace }, spec: { rules } };
}

function namespaceWith(name: string, labels: object): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

describe('--watch-namespace-selector', () => {
  const store = new Store();
  const compiler = new Compiler({ ...STANDALONE_SETTINGS, namespaceSelector: labelSelectorOf('team=shop') });
  const hosts = (...objects: readonly object[]): readonly string[] => {
    store.commit(objects.flatMap((object) => admitObject(object)?.change ?? []));
    const plan = compiler.compile(store.snapshot, { nowMs: 0, node: NO_NODE_FACTS });
    return [...new Set(routeRows(plan).map(({ host }) => host))];
  };

  it('serves the Ingresses of namespaces with these labels, as the labels are now', () => {
    expect(hosts(ingressIn('one'), ingressIn('two'), namespaceWith('one', { team: 'shop' }))).toEqual(['one.test']);
    expect(hosts(namespaceWith('two', { team: 'shop' }))).toEqual(['one.test', 'two.test']);
    expect(hosts(namespaceWith('one', { team: 'blog' }))).toEqual(['two.test']);
  });
});
