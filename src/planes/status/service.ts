import { FLAG_POOL } from '../../compile/addresses/address-plan.ts';
import type { ServiceStatus } from '../../compile/plan.ts';
import type { ObservedService } from '../../model/observed.ts';
import { ALLOCATED_FROM, VIRTUAL_ROUTERS } from '../../model/service.ts';
import { LoadBalancerStatusPlane } from './load-balancer.ts';
import type { StatusWriter } from './status-writer.ts';

/**
 * The addresses that Services of type LoadBalancer have from pools, in their status, and beside them the pool and the virtual router of each:
 * nodes that answer for an address learn both from one object, and at one moment.
 *
 * It may take back once it is known which Services are ours, and there is a pool: without any, addresses are kept and not taken back.
 */
export function serviceStatusPlane(writer: StatusWriter<ObservedService>): LoadBalancerStatusPlane<ServiceStatus> {
  return new LoadBalancerStatusPlane(
    'service-status',
    writer,
    ({ addresses }) => addresses.map((ip) => ({ ip })),
    ({ pool, virtualRouters }) => ({
      ...(pool === FLAG_POOL ? {} : { [ALLOCATED_FROM]: pool }),
      ...(virtualRouters === '' ? {} : { [VIRTUAL_ROUTERS]: virtualRouters }),
    }),
  );
}
