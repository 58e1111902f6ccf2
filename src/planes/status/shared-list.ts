import type { RouteParentStatus, RouteStatus } from '../../compile/gateway/status-plan.ts';
import { GATEWAY_CONTROLLER } from '../../compile/gateway/gateway-settings.ts';
import { isRecord } from '../../lib/is-record.ts';
import type { ParentReference } from '../../model/gateway/reference.ts';
import type { ObservedStatus } from '../../model/observed.ts';
import { ApiStatusPlane } from './api-status.ts';
import { recordsIn, shows, writtenConditions, type Json } from './conditions.ts';
import type { StatusWriter } from './status-writer.ts';

/** A list of a status in which every controller has entries of its own, one a parent. */
export interface SharedList {
  /** Of the plane that writes it. */
  readonly name: string;
  readonly list: 'parents' | 'ancestors';
  readonly reference: 'parentRef' | 'ancestorRef';
  /** How many entries the API takes. */
  readonly most: number;
}

/** What routes for HTTP show at their parents. */
export const ROUTE_PARENTS: SharedList = {
  name: 'http-route-status',
  list: 'parents',
  reference: 'parentRef',
  most: 32,
};

/** The same of routes for gRPC. */
export const CALL_PARENTS: SharedList = { ...ROUTE_PARENTS, name: 'grpc-route-status' };

/** What policies show for the Gateways whose routes they are for (PolicyStatus). */
export const POLICY_ANCESTORS: SharedList = {
  name: 'backend-tls-policy-status',
  list: 'ancestors',
  reference: 'ancestorRef',
  most: 16,
};

/**
 * Writes a list that is one field for all controllers (listType: atomic): what is written has the entries of the others as they are, and
 * whoever writes it must see that they are (`resourceVersion`).
 *
 * @param now Unix time in milliseconds
 * @param mayTakeBack whether it is known which objects are ours
 */
export function sharedListStatusPlane(
  { name, list, reference, most }: SharedList,
  writer: StatusWriter<ObservedStatus>,
  now: () => number,
  mayTakeBack: () => boolean,
): ApiStatusPlane<RouteStatus> {
  return new ApiStatusPlane(name, writer, (want, shown) => {
    const all = recordsIn(shown[list]);
    const others = all.filter((entry) => entry['controllerName'] !== GATEWAY_CONTROLLER);
    const before = all.filter((entry) => entry['controllerName'] === GATEWAY_CONTROLLER);
    if (want === undefined) return before.length > 0 && mayTakeBack() ? { [list]: others } : undefined;
    const own = want.parents
      .slice(0, Math.max(0, most - others.length))
      .map((parent) => entryOf(reference, parent, want.generation, before, now()));
    // Others may stand anywhere among ours.
    return shows(own, before) ? undefined : { [list]: [...others, ...own] };
  });
}

function entryOf(
  reference: SharedList['reference'],
  { parent, conditions }: RouteParentStatus,
  generation: number,
  before: readonly Json[],
  nowMs: number,
): Json {
  const named = referenceTo(parent);
  const known = before.find((entry) => isRecord(entry[reference]) && shows(named, entry[reference]));
  return {
    [reference]: named,
    controllerName: GATEWAY_CONTROLLER,
    conditions: writtenConditions(conditions, generation, known?.['conditions'], nowMs),
  };
}

/** As the object has it, since that is how readers find their own. */
function referenceTo({ group, kind, namespace, name, sectionName, port }: ParentReference): Json {
  const parts = { group, kind, namespace, name, sectionName, port };
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));
}
