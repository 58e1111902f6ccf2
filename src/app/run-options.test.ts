import { resolve } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runFlagDefaults, type RunFlags } from './flags/register.ts';
import type { RunOptions } from './options.ts';
import { runOptionsOf } from './run-options.ts';

/** The options of a command line that gives these flags of the source, and no others. */
function optionsOf(source: Partial<RunFlags['source']>, engine: Partial<RunFlags['engine']> = {}): RunOptions {
  const defaults = runFlagDefaults();
  return runOptionsOf({
    ...defaults,
    source: { ...defaults.source, ...source },
    engine: { ...defaults.engine, ...engine },
  });
}

const cluster = (paths: string, context?: string): object => ({
  kind: 'cluster',
  kubeconfig: { paths, context },
  hasGatewayApi: false,
});

beforeEach(() => {
  for (const name of ['KUBECONFIG', 'KUBERNETES_SERVICE_HOST']) vi.stubEnv(name, undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
});

describe('the source', () => {
  it('is the folder that is named, whatever KUBECONFIG says', () => {
    vi.stubEnv('KUBECONFIG', '/of/environment');
    expect(optionsOf({ manifests: 'folder' }).source).toEqual({ kind: 'manifests', directory: resolve('folder') });
  });

  it('is the kubeconfig that is named, else the files that KUBECONFIG names, else the pod', () => {
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '10.96.0.1');
    expect(optionsOf({}).source).toEqual({ kind: 'cluster', kubeconfig: undefined, hasGatewayApi: false });
    vi.stubEnv('KUBECONFIG', 'one:two');
    expect(optionsOf({}).source).toEqual(cluster('one:two'));
    expect(optionsOf({ context: 'c' }).source).toEqual(cluster('one:two', 'c'));
    expect(optionsOf({ kubeconfig: 'file', context: 'c' }).source).toEqual(cluster('file', 'c'));
  });

  it.each([
    [{}, 'say what to serve'],
    [{ manifests: 'a', kubeconfig: 'b' }, 'give --manifests or --kubeconfig, not both'],
    [{ context: 'c' }, 'give --kubeconfig FILE too, or set KUBECONFIG'],
  ])('is refused: %j', (flags, message) => {
    expect(() => optionsOf(flags)).toThrow(message);
  });
});

it('shows the port of HTTPS that clients see: 443 in a cluster, else its own, unless it is given', () => {
  const portOf = (source: Partial<RunFlags['source']>, publicHttpsPort?: number): number =>
    optionsOf(source, { publicHttpsPort }).engine.publicHttpsPort;
  expect(portOf({ kubeconfig: 'x' })).toBe(443);
  expect(portOf({ manifests: 'x' })).toBe(8443);
  expect(portOf({ manifests: 'x' }, 444)).toBe(444);
});

describe('the namespaces that are watched', () => {
  const optionsFor = (names: readonly string[] | undefined, compile: Partial<RunFlags['compile']>): RunOptions => {
    const defaults = runFlagDefaults();
    const source = { ...defaults.source, kubeconfig: 'x', namespaces: names };
    return runOptionsOf({ ...defaults, source, compile: { ...defaults.compile, ...compile } });
  };

  it('are all, or those that are given', () => {
    expect(optionsFor(undefined, { publishService: 'edge/sluice' }).source).toMatchObject({ namespaces: undefined });
    expect(optionsFor(['shop'], {}).source).toMatchObject({ namespaces: ['shop'] });
  });

  it('have to hold the Services that flags name', () => {
    expect(() => optionsFor(['shop'], { publishService: 'edge/sluice' })).toThrow('add edge to --watch-namespace');
    expect(() => optionsFor(['shop'], { defaultBackendService: 'edge/web' })).toThrow('add edge to --watch-namespace');
    expect(() => optionsFor(['edge', 'shop'], { publishService: 'edge/sluice' })).not.toThrow();
  });
});

describe('the API', () => {
  const optionsWith = (program: Partial<RunFlags['program']>): RunOptions => {
    const defaults = runFlagDefaults();
    return runOptionsOf({
      ...defaults,
      source: { ...defaults.source, manifests: 'x' },
      program: { ...defaults.program, ...program },
    });
  };

  it.each(['127.0.0.1:9901', '127.1.2.3:1', '[::1]:9901', 'localhost:9901'])('may be open at %s', (apiAddress) => {
    expect(optionsWith({ apiAddress }).apiAddress).toBe(apiAddress);
  });

  it.each([':9901', '0.0.0.0:9901', '[::]:9901', '192.0.2.1:9901', '127.example.com:9901', 'a.test:1'])(
    'may not at %s, but with a token',
    (apiAddress) => {
      expect(() => optionsWith({ apiAddress })).toThrow(`for probes and metrics, give --health-address ${apiAddress}`);
      expect(optionsWith({ apiAddress, apiTokenFile: 'token' }).apiAddress).toBe(apiAddress);
    },
  );
});

it('refuses one port for HTTP and HTTPS', () => {
  expect(() => optionsOf({ manifests: 'x' }, { httpPort: 8443 })).toThrow('--http-port and --https-port must differ');
});

describe('addresses for Services of type LoadBalancer', () => {
  const addressesFor = (
    source: Partial<RunFlags['source']>,
    addresses: Partial<RunFlags['addresses']> = {},
  ): RunOptions['compile']['addresses'] => {
    const defaults = runFlagDefaults();
    const given = { ...defaults, source: { ...defaults.source, ...source } };
    return runOptionsOf({ ...given, addresses: { ...defaults.addresses, ...addresses } }).compile.addresses;
  };

  it('are given without a cluster, and in one where that is said', () => {
    expect(addressesFor({ manifests: 'x' })).toMatchObject({ reportsMissingPools: true });
    expect(addressesFor({ kubeconfig: 'x' })).toBeUndefined();
    expect(addressesFor({ kubeconfig: 'x' }, { isOn: true })).toMatchObject({ reportsMissingPools: false });
  });

  it('have no flags that would do nothing', () => {
    expect(() => addressesFor({ kubeconfig: 'x' }, { className: 'a.test/b' })).toThrow('are for --load-balancer');
  });
});

describe('in the place of an ingress-nginx', () => {
  const classesOf = (compile: Partial<RunFlags['compile']>, isClassByName = false): unknown => {
    const flags = runFlagDefaults();
    const { ingressClass, controllerClass, isIngressClassExplicit } = runOptionsOf({
      ...flags,
      source: { ...flags.source, manifests: 'folder' },
      compile: { ...flags.compile, ...compile },
      ingressNginx: { isOn: true, isClassByName },
    }).compile;
    return { ingressClass, controllerClass, isIngressClassExplicit };
  };

  it('the class and the controller are those of ingress-nginx, where nothing else is said', () => {
    const nginx = { ingressClass: 'nginx', controllerClass: 'k8s.io/ingress-nginx', isIngressClassExplicit: false };
    expect(classesOf({})).toEqual(nginx);
    expect(classesOf({ ingressClass: 'inner', controllerClass: 'x.test/inner' })).toEqual({
      ingressClass: 'inner',
      controllerClass: 'x.test/inner',
      isIngressClassExplicit: false,
    });
  });

  it('a class of another controller is taken over only where that is said', () => {
    expect(classesOf({ ingressClass: 'nginx' })).toMatchObject({ isIngressClassExplicit: false });
    expect(classesOf({ ingressClass: 'nginx' }, true)).toMatchObject({ isIngressClassExplicit: true });
  });
});
