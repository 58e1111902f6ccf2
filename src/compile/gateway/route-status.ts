import type { Attachment } from './attachment.ts';
import { condition } from './condition.ts';
import type { RouteTargets } from './http-route-targets.ts';
import type { RouteStatus } from './status-plan.ts';

/** What a route shows: for each of its parents that are ours, whether it is attached there and whether its backends are found. */
export function routeStatus(
  generation: number,
  attachments: readonly Attachment[],
  { resolved, partlyInvalid }: Pick<RouteTargets, 'resolved' | 'partlyInvalid'>,
): RouteStatus {
  const parents = attachments.map(({ parent, accepted }) => ({
    parent,
    conditions: [
      condition('Accepted', accepted),
      condition('ResolvedRefs', resolved),
      ...(partlyInvalid === undefined ? [] : [condition('PartiallyInvalid', partlyInvalid)]),
    ],
  }));
  return { generation, parents };
}
