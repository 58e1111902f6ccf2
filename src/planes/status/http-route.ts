import type { RouteParentStatus, RouteStatus } from '../../compile/gateway/status-plan.ts';
import { GATEWAY_CONTROLLER } from '../../compile/gateway/gateway-settings.ts';
import { isRecord } from '../../lib/is-record.ts';
import type { ParentReference } from '../../model/gateway/reference.ts';
import type { ObservedStatus } from '../../model/observed.ts';
import { ApiStatusPlane } from './api-status.ts';
import { recordsIn, shows, writtenConditions, type Json } from './conditions.ts';
import type { StatusWriter } from './status-writer.ts';

/**
 * What routes show at their parents. `status.parents` is one field for all controllers (listType: atomic): what is written has the entries
 * of the others as they are, and whoever writes it must see that they are (`resourceVersion`).
 *
 * @param now Unix time in milliseconds
 * @param mayTakeBack whether it is known which routes are ours
 */
export function httpRouteStatusPlane(
  writer: StatusWriter<ObservedStatus>,
  now: () => number,
  mayTakeBack: () => boolean,
): ApiStatusPlane<RouteStatus> {
  return new ApiStatusPlane('http-route-status', writer, (want, shown) => {
    const all = recordsIn(shown['parents']);
    const others = all.filter((entry) => entry['controllerName'] !== GATEWAY_CONTROLLER);
    const before = all.filter((entry) => entry['controllerName'] === GATEWAY_CONTROLLER);
    if (want === undefined) return before.length > 0 && mayTakeBack() ? { parents: others } : undefined;
    const own = want.parents.map((parent) => entryOf(parent, want.generation, before, now()));
    // Others may stand anywhere among ours.
    return shows(own, before) ? undefined : { parents: [...others, ...own] };
  });
}

function entryOf(
  { parent, conditions }: RouteParentStatus,
  generation: number,
  before: readonly Json[],
  nowMs: number,
): Json {
  const parentRef = parentRefOf(parent);
  const known = before.find((entry) => isRecord(entry['parentRef']) && shows(parentRef, entry['parentRef']));
  return {
    parentRef,
    controllerName: GATEWAY_CONTROLLER,
    conditions: writtenConditions(conditions, generation, known?.['conditions'], nowMs),
  };
}

/** As the route has it, since that is how readers find their own. */
function parentRefOf({ group, kind, namespace, name, sectionName, port }: ParentReference): Json {
  const parts = { group, kind, namespace, name, sectionName, port };
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined));
}
