import { describe, expect, it } from 'vitest';
import { PersistentMap } from '../../../lib/persistent-map.ts';
import { DEFAULT_POLICY, type Ingress, type IngressClass } from '../../../model/ingress.ts';
import { claimIngress } from './ingress-class.ts';
import { DEFAULT_CONTROLLER_CLASS, type CompileSettings } from '../../settings.ts';

function meta(name: string) {
  return { namespace: '', name, uid: '', createdMs: 0 };
}

function isOurs(
  controller: string | undefined,
  settings: Pick<CompileSettings, 'mode' | 'isIngressClassExplicit'> &
    Partial<Pick<CompileSettings, 'controllerClass'>>,
  isClassAnnotated: boolean,
): boolean {
  const ingress: Ingress = {
    meta: meta('a'),
    className: 'sluice',
    isClassAnnotated,
    defaultBackend: undefined,
    rules: [],
    tls: [],
    policy: DEFAULT_POLICY,
  };
  const none = PersistentMap.empty<IngressClass>();
  const classes =
    controller === undefined ? none : none.set('sluice', { meta: meta('sluice'), controller, isDefault: false });
  return claimIngress(ingress, classes, {
    ingressClass: 'sluice',
    controllerClass: DEFAULT_CONTROLLER_CLASS,
    watchIngressWithoutClass: false,
    disablesCatchAll: false,
    ...settings,
  }).isOurs;
}

describe.each(['cluster', 'standalone'] as const)(
  'claimIngress (%s), of the class that --ingress-class names',
  (mode) => {
    it.each([
      ['no IngressClass', undefined, false, true],
      ['no IngressClass, but the flag', undefined, true, true],
      ['an IngressClass without a controller', '', false, true],
      ['an IngressClass of ours', DEFAULT_CONTROLLER_CLASS, false, true],
      ['an IngressClass of another controller', 'x.test/other', false, false],
      ['an IngressClass of another controller, and the flag', 'x.test/other', true, true],
    ])('%s', (_, controller, isIngressClassExplicit, expected) => {
      for (const isAnnotated of [false, true])
        expect(isOurs(controller, { mode, isIngressClassExplicit }, isAnnotated)).toBe(expected);
    });
  },
);

it('claimIngress goes by the controller that --controller-class names, and leaves the one by default to another Sluice', () => {
  const settings = { mode: 'cluster', isIngressClassExplicit: false, controllerClass: 'sluice.dev/internal' } as const;
  expect(isOurs('sluice.dev/internal', settings, false)).toBe(true);
  expect(isOurs(DEFAULT_CONTROLLER_CLASS, settings, false)).toBe(false);
});

describe('--disable-catch-all', () => {
  const served = (defaultBackend: Ingress['defaultBackend'], disablesCatchAll: boolean): boolean => {
    const ingress: Ingress = {
      meta: meta('a'),
      className: undefined,
      isClassAnnotated: false,
      defaultBackend,
      rules: [],
      tls: [],
      policy: DEFAULT_POLICY,
    };
    return claimIngress(ingress, PersistentMap.empty(), {
      mode: 'standalone',
      ingressClass: 'sluice',
      isIngressClassExplicit: false,
      controllerClass: DEFAULT_CONTROLLER_CLASS,
      watchIngressWithoutClass: false,
      disablesCatchAll,
    }).isOurs;
  };

  it('leaves out an Ingress with a default backend, and no other', () => {
    const backend = { service: 'web', port: { number: 80 } };
    expect(served(backend, true)).toBe(false);
    expect(served(backend, false)).toBe(true);
    expect(served(undefined, true)).toBe(true);
  });
});
