import type { NodePlan, ServicePlan } from '../../../compile/l4/l4-plan.ts';
import type { UdpPath } from '../kernel/conntrack.ts';
import type { Family } from '../rules/names.ts';
import type { ServiceTransition } from './transition.ts';

/** Whether a change can leave flows behind that lead to endpoints which are not there any more. */
export function touchesUdp({ before, after }: ServiceTransition): boolean {
  const isUdp = (service: ServicePlan | undefined): boolean =>
    service?.ports.some(({ protocol }) => protocol === 'UDP') ?? false;
  return isUdp(before) || isUdp(after);
}

/**
 * The flows to these Services whose endpoint does not serve any more, or that began while there was
 * none. The kernel would keep sending a client that never pauses to where it went first, for ever.
 * To be called after the rules are in place, or new flows go astray in between (kubernetes#105657).
 */
export function staleFlows(
  flows: readonly UdpPath[],
  transitions: readonly ServiceTransition[],
  node: NodePlan,
  family: Family,
): readonly UdpPath[] {
  const serving = new Map<string, ReadonlySet<string>>();
  for (const { before } of transitions)
    for (const key of servingByFrontend(before, node, family).keys()) serving.set(key, NOBODY);
  for (const { after } of transitions)
    for (const [key, endpoints] of servingByFrontend(after, node, family)) serving.set(key, endpoints);
  return flows.filter((flow) => {
    const endpoints = serving.get(`${flow.destination} ${String(flow.destinationPort)}`);
    return endpoints?.has(`${flow.replySource} ${String(flow.replySourcePort)}`) === false;
  });
}

const NOBODY: ReadonlySet<string> = new Set();

function servingByFrontend(
  service: ServicePlan | undefined,
  node: NodePlan,
  family: Family,
): ReadonlyMap<string, ReadonlySet<string>> {
  const result = new Map<string, ReadonlySet<string>>();
  for (const port of service?.ports ?? []) {
    if (port.protocol !== 'UDP' || port.family !== family) continue;
    const endpoints = new Set(port.serving.map(({ address, port: number }) => `${address} ${String(number)}`));
    for (const frontend of port.frontends) {
      const addresses =
        frontend.address === undefined
          ? node.nodePortAddresses.filter((address) => address.includes(':') === (family === 6))
          : [frontend.address];
      for (const address of addresses) result.set(`${address} ${String(frontend.port)}`, endpoints);
    }
  }
  return result;
}
