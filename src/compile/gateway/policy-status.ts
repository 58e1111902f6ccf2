import type { BackendTlsPolicy } from '../../model/gateway/backend-tls-policy.ts';
import { GATEWAY_GROUP, type ParentReference } from '../../model/gateway/reference.ts';
import { nameParts } from '../../model/object.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { backendTlsVerdict } from './backend-tls.ts';
import { condition } from './condition.ts';
import type { RouteStatus } from './status-plan.ts';

/**
 * What a BackendTLSPolicy shows, once for each Gateway whose routes lead to what it is for. Undefined while something that it refers to has
 * not been read yet.
 *
 * @param gateways `namespace/name`, sorted
 */
export function policyStatus(
  policy: BackendTlsPolicy,
  gateways: readonly string[],
  snapshot: Snapshot,
): RouteStatus | undefined {
  const { accepted, resolved, isPending } = backendTlsVerdict(policy, snapshot);
  if (isPending) return undefined;
  const conditions = [condition('Accepted', accepted), condition('ResolvedRefs', resolved)];
  return { generation: policy.generation, parents: gateways.map((key) => ({ parent: gatewayAt(key), conditions })) };
}

function gatewayAt(key: string): ParentReference {
  const { namespace, name } = nameParts(key);
  return { group: GATEWAY_GROUP, kind: 'Gateway', namespace, name, sectionName: undefined, port: undefined, field: '' };
}
