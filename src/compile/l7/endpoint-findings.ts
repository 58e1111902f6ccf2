import { finding, type Finding } from '../../model/finding.ts';
import type { ObjectRef } from '../../model/object.ts';
import type { EndpointPort, EndpointSlice, Service, ServicePort } from '../../model/service.ts';
import { endpointsOf, slicesThatCount } from '../endpoints.ts';
import type { CompileSettings } from '../settings.ts';

/**
 * Why a Service port that a route uses has no endpoints, where an object is wrong. A Service that is scaled to nothing has slices
 * without endpoints, and nothing wrong with it. Pure.
 */
export function endpointFindings(
  service: Service,
  port: ServicePort | undefined,
  slices: readonly EndpointSlice[],
  { mode }: Pick<CompileSettings, 'mode'>,
): readonly Finding[] {
  if (service.type === 'ExternalName' || port === undefined) return [];
  const ref: ObjectRef = { kind: 'Service', namespace: service.meta.namespace, name: service.meta.name };
  const field = 'spec.ports';
  if (slices.length === 0) {
    // A cluster makes slices for every Service with a selector, some time after the Service.
    if (mode === 'cluster') return [];
    return [
      finding(
        'EndpointsMissing',
        ref,
        field,
        `it has no EndpointSlice, so that there are no endpoints for ${nameOf(port)}`,
      ),
    ];
  }
  if (endpointsOf(port, slices).length > 0) return [];
  const subsets = slicesThatCount(slices).flatMap((slice) => slice.subsets);
  if (subsets.every(({ endpoints }) => endpoints.length === 0)) return [];
  const ports = new Set(subsets.flatMap((subset) => subset.ports).map(nameOf));
  const has = ports.size === 0 ? 'have no port' : `have ${[...ports].join(', ')}`;
  const message = `it has endpoints, but none for ${nameOf(port)}: its EndpointSlices ${has}`;
  return [finding('EndpointPortMissing', ref, field, message)];
}

/** Endpoints are matched by name and protocol, so that these are what to compare. */
function nameOf({ name, port, protocol }: ServicePort | EndpointPort): string {
  const named = name === '' ? 'without a name' : `named "${name}"`;
  return `port ${String(port)}/${protocol} ${named}`;
}
