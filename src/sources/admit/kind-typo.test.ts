import { describe, expect, it } from 'vitest';
import { kindTypo } from './kind-typo.ts';

describe('kindTypo', () => {
  it.each([
    ['networking.k8s.io/v1', 'ingress', 'Write kind: Ingress.'],
    ['networking.k8s.io/v1', 'Ingres', 'Write kind: Ingress.'],
    ['networking.k8s.io/v1', 'Ingresses', 'Write kind: Ingress.'],
    ['networking.k8s.io/v1', 'IngressClas', 'Write kind: IngressClass.'],
    ['networking.k8s.io', 'Ingress', 'Write apiVersion: networking.k8s.io/v1.'],
    ['Networking.k8s.io/v1', 'Ingress', 'Write apiVersion: networking.k8s.io/v1.'],
    ['netwroking.k8s.io/v1', 'Ingress', 'Write apiVersion: networking.k8s.io/v1.'],
    ['v1', 'Ingress', 'Write apiVersion: networking.k8s.io/v1.'],
    ['v1', 'ingress', 'Write apiVersion: networking.k8s.io/v1 and kind: Ingress.'],
    ['V1', 'Service', 'Write apiVersion: v1.'],
    ['v1', 'Services', 'Write kind: Service.'],
    ['v1', 'Endpoint', 'Write kind: Endpoints.'],
    ['discovery.k8s.io/v1', 'EndpointSlices', 'Write kind: EndpointSlice.'],
  ])('says of %s %s: %s', (apiVersion, kind, remedy) => {
    expect(kindTypo({ apiVersion, kind })?.remedy).toBe(remedy);
  });

  it.each([
    ['v1', 'Service'],
    ['v1', 'Pod'],
    ['v1', 'ConfigMap'],
    ['v1', 'ServiceAccount'],
    ['networking.k8s.io/v1', 'NetworkPolicy'],
    ['networking.k8s.io/v1', 'ServiceCIDR'],
    ['extensions/v1beta1', 'Deployment'],
    // Other people's kinds.
    ['serving.knative.dev/v1', 'Service'],
    ['networking.internal.knative.dev/v1alpha1', 'Ingress'],
    ['networking.istio.io/v1', 'Gateway'],
    ['networking.gke.io/v1', 'Ingress'],
    ['traefik.io/v1alpha1', 'IngressRoute'],
  ])('says nothing of %s %s', (apiVersion, kind) => {
    expect(kindTypo({ apiVersion, kind })).toBeUndefined();
  });

  it.each([
    [{ apiversion: 'v1', kind: 'Service' }, 'no apiVersion ("apiversion" is near apiVersion)'],
    [{ apiVersion: 'v1', Kind: 'Service' }, 'no kind ("Kind" is near kind)'],
    [
      { ApiVersion: 'v1', kinds: 'Service' },
      'no apiVersion and kind ("ApiVersion" is near apiVersion, "kinds" is near kind)',
    ],
    [{ apiVersion: 1, kind: 'Service' }, 'no apiVersion, so that it is passed over'],
    [{}, 'no apiVersion and kind, so that it is passed over'],
    ['404: Not Found', 'no apiVersion and kind, so that it is passed over'],
  ])('names the key that is nearly right in %j', (raw, message) => {
    expect(kindTypo(raw)?.message).toContain(message);
  });
});
