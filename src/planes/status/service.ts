import type { AddressAssignment } from '../../compile/addresses/address-plan.ts';
import type { ObservedService } from '../../model/observed.ts';
import { LoadBalancerStatusPlane } from './load-balancer.ts';
import type { StatusWriter } from './status-writer.ts';

/**
 * The addresses that Services of type LoadBalancer have from pools, in their status.
 *
 * It may take back once it is known which Services are ours, and there is a pool: without any, addresses are kept and not taken back.
 */
export function serviceStatusPlane(writer: StatusWriter<ObservedService>): LoadBalancerStatusPlane<AddressAssignment> {
  return new LoadBalancerStatusPlane('service-status', writer, ({ addresses }) => addresses.map((ip) => ({ ip })));
}
