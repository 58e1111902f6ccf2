import { describe, expect, it } from 'vitest';
import type { ServiceStatus } from '../../compile/plan.ts';
import { ipAddressOf } from '../../model/grammar.ts';
import type { ObservedService } from '../../model/observed.ts';
import { serviceStatusPlane } from './service.ts';
import type { StatusWrite, StatusWriter } from './status-writer.ts';

const { signal } = new AbortController();

class Writes implements StatusWriter<ObservedService> {
  readonly fieldManager = 'sluice';
  readonly all: StatusWrite[] = [];

  write(write: StatusWrite): Promise<undefined> {
    this.all.push(write);
    return Promise.resolve(undefined);
  }

  concernsAll(): boolean {
    return false;
  }
}

const ANNOTATIONS = { 'metallb.io/ip-allocated-from-pool': 'p', 'sluice.dev/virtual-routers': '192.0.2.1=101' };

function want(...texts: readonly string[]): ServiceStatus {
  const addresses = texts.flatMap((text) => ipAddressOf(text) ?? []);
  return { addresses, pool: 'p', virtualRouters: '192.0.2.1=101' };
}

function seen(texts: readonly string[], ...managers: readonly string[]): ObservedService {
  return { uid: 'u-1', addresses: want(...texts).addresses.map((ip) => ({ ip })), managers, annotations: ANNOTATIONS };
}

const BOTH = ['192.0.2.1', '2001:db8::1'] as const;
const wrote = (...ips: readonly string[]): unknown => ({ loadBalancer: { ingress: ips.map((ip) => ({ ip })) } });

describe('the status of a Service with an address of a pool', () => {
  it.each<[string, ServiceStatus | undefined, ObservedService | undefined, boolean, unknown]>([
    ['is written where it is empty', want(...BOTH), seen([]), true, wrote(...BOTH)],
    [
      'is written where it says something else',
      want('192.0.2.1'),
      seen(['192.0.2.2'], 'metallb'),
      true,
      wrote('192.0.2.1'),
    ],
    ['is left where it says the same, in whatever order', want(...BOTH), seen(BOTH.toReversed()), true, 'nothing'],
    [
      'is written again where the pool or the router beside it is another one',
      want('192.0.2.1'),
      {
        ...seen(['192.0.2.1'], 'sluice'),
        annotations: { ...ANNOTATIONS, 'sluice.dev/virtual-routers': '192.0.2.1=7' },
      },
      true,
      wrote('192.0.2.1'),
    ],
    ['waits for the Service to be there', want('192.0.2.1'), undefined, true, 'nothing'],
    ['is taken back where we wrote it', undefined, seen(['192.0.2.1'], 'sluice'), true, undefined],
    ['stays where another load balancer wrote it', undefined, seen(['192.0.2.1'], 'metallb'), true, 'nothing'],
    ['stays while it is not known what is ours', undefined, seen(['192.0.2.1'], 'sluice'), false, 'nothing'],
  ])('%s', async (_, wanted, shown, mayTakeBack, status) => {
    const writes = new Writes();
    const plane = serviceStatusPlane(writes);
    plane.mayTakeBack = mayTakeBack;
    await plane.compare('ns/web', wanted, shown)?.(signal);
    const beside = status === undefined ? {} : { annotations: ANNOTATIONS };
    expect(writes.all).toEqual(status === 'nothing' ? [] : [{ key: 'ns/web', uid: 'u-1', status, ...beside }]);
  });
});
