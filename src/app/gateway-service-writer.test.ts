import { describe, expect, it } from 'vitest';
import type { GatewayServiceFields } from '../compile/gateway/gateway-service-wish.ts';
import { GatewayServicePlane } from '../planes/gateway-services/service-plane.ts';
import { observeService } from '../sources/admit/observe.ts';

const LABELS = { 'app.kubernetes.io/managed-by': 'sluice', 'gateway.networking.k8s.io/gateway-name': 'edge' };

const WANT: GatewayServiceFields = {
  kind: 'made',
  owner: { name: 'edge', uid: 'u1' },
  createdMs: 0,
  labels: LABELS,
  annotations: {},
  className: undefined,
  ports: [{ port: 80, targetPort: 20_000 }],
};

const PORT = { name: 'port-80', port: 80, protocol: 'TCP', targetPort: 20_000 };
const OWNER = {
  apiVersion: 'gateway.networking.k8s.io/v1',
  kind: 'Gateway',
  name: 'edge',
  uid: 'u1',
  controller: true,
};

/** Whether a Service that looks like this is written again. */
function isWritten(
  ports: readonly object[],
  ownerReferences: readonly object[] = [OWNER],
  labels: object = LABELS,
): boolean {
  const plane = new GatewayServicePlane({
    write: () => Promise.resolve(undefined),
    remove: () => Promise.resolve(),
    concernsAll: () => false,
  });
  const spec = { type: 'LoadBalancer', externalTrafficPolicy: 'Local', ports };
  const metadata = { name: 'sluice-edge', namespace: 'shop', uid: 's1', labels, ownerReferences };
  return plane.compare('shop/sluice-edge', WANT, observeService({ metadata, spec })) !== undefined;
}

describe('the Service of a Gateway', () => {
  it('is left as it is where somebody has added to it', () => {
    expect(isWritten([PORT])).toBe(false);
    expect(isWritten([PORT, { name: 'metrics', port: 9100, protocol: 'TCP', targetPort: 9100 }])).toBe(false);
    expect(isWritten([PORT], [{ apiVersion: 'v1', kind: 'ConfigMap', name: 'app', uid: 'x' }, OWNER])).toBe(false);
    expect(isWritten([PORT], [OWNER], { ...LABELS, team: 'a' })).toBe(false);
  });

  it('is set right where somebody has changed what it says, and where a port of a former listener is left', () => {
    expect(isWritten([{ ...PORT, targetPort: 20_001 }])).toBe(true);
    expect(isWritten([{ ...PORT, name: 'web' }])).toBe(true);
    expect(isWritten([PORT, { name: 'port-81', port: 81, protocol: 'TCP', targetPort: 20_001 }])).toBe(true);
    expect(isWritten([PORT], [{ ...OWNER, uid: 'u0' }])).toBe(true);
  });

  it('keeps the class that it was made with, which the API server lets nobody change', async () => {
    const asked: (readonly (string | undefined)[])[] = [];
    const plane = new GatewayServicePlane({
      write: (_key, { className }, isNew) => {
        asked.push([className, isNew ? 'new' : 'known']);
        return Promise.resolve(undefined);
      },
      remove: () => Promise.resolve(),
      concernsAll: () => false,
    });
    const metadata = { labels: LABELS, ownerReferences: [OWNER] };
    // Given by an admission webhook, as of a cloud, or by an earlier --load-balancer-class.
    const spec = {
      type: 'LoadBalancer',
      loadBalancerClass: 'a.test/nlb',
      externalTrafficPolicy: 'Local',
      ports: [PORT],
    };
    const seen = observeService({ metadata, spec });
    expect(plane.compare('shop/sluice-edge', WANT, seen)).toBeUndefined();
    const want = { ...WANT, className: 'b.test/lb' };
    expect(plane.compare('shop/sluice-edge', want, seen)).toBeUndefined();
    const ports = [...WANT.ports, { port: 81, targetPort: 20_001 }];
    await plane.compare('shop/sluice-edge', { ...want, ports }, seen)?.(AbortSignal.timeout(1_000));
    await plane.compare('shop/sluice-edge', want, undefined)?.(AbortSignal.timeout(1_000));
    expect(asked).toEqual([
      ['a.test/nlb', 'known'],
      ['b.test/lb', 'new'],
    ]);
  });
});
