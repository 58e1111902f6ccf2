import { PersistentMap } from '../../../lib/persistent-map.ts';
import type { L4Plan, ServicePlan } from '../../../compile/l4/l4-plan.ts';

/** What a Service was and is now; undefined where it was not there, or is gone. */
export interface ServiceTransition {
  readonly before: ServicePlan | undefined;
  readonly after: ServicePlan | undefined;
}

/** The Services that differ between two plans, by `namespace/name`. Without a plan before, all of them. */
export function transitionsOf(before: L4Plan | undefined, after: L4Plan): ReadonlyMap<string, ServiceTransition> {
  const result = new Map<string, ServiceTransition>();
  PersistentMap.diff(before?.services ?? PersistentMap.empty<ServicePlan>(), after.services, (key, left, right) => {
    result.set(key, { before: left, after: right });
  });
  return result;
}
