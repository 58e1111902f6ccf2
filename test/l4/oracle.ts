import type {
  EndpointAddress,
  Frontend,
  L4Plan,
  LocalPods,
  ServicePlan,
  ServicePortPlan,
} from '../../src/compile/l4/l4-plan.ts';
import { cidrHas } from '../../src/model/cidr.ts';
import { ip } from './snapshot-steps.ts';
import type { Machine, Packet } from '../fakes/nft/packet-walk.ts';
import { fateText } from '../fakes/nft/trace.ts';

export interface Met {
  readonly port: ServicePortPlan;
  readonly frontend: Frontend;
}

/**
 * What may become of a connection to a client that has not been here before, told from the plan and the semantics of
 * Services alone, with no word of nft: what `trace` must find in the rules. Sorted.
 */
export function fatesByPlan(plan: L4Plan, machine: Machine, packet: Packet): readonly string[] {
  const met = meets(plan, packet);
  if (met === undefined) {
    const isUnusedPort = [...plan.services.values()].some((service) => hasClusterIp(service, packet.destination));
    if (isUnusedPort) return ['refused'];
    const { clusterIpRanges, ownsClusterIpRanges } = plan.node;
    if (
      ownsClusterIpRanges &&
      !machine.addresses.has(packet.destination) &&
      clusterIpRanges.some((range) => cidrHas(range, ip(packet.destination)))
    )
      return ['dropped'];
    const isBound = machine.addresses.has(packet.destination);
    // It would go back to where it came from, and come again.
    const isLoop = packet.interface === 'eth0' && !isBound;
    const isGuarded = packet.from !== 'node' && isBound && plan.announcedIps.has(packet.destination);
    return [(isLoop || isGuarded) && plan.balancerIps.has(packet.destination) ? 'refused' : 'passed'];
  }
  const { frontend, port } = met;
  const isAllowed = frontend.sourceRanges?.some((range) => cidrHas(range, ip(packet.source))) ?? true;
  const isOwnSource = packet.from === 'node' && frontend.ownSources.some((source) => source === packet.source);
  if (!isAllowed && !isOwnSource) return ['dropped'];
  const { action } = frontend;
  const isInside = isLocalPod(plan.node.localPods, packet);
  const isPod = isLocalPod(plan.node.ownPods, packet);
  const isNode = machine.addresses.has(packet.source);
  if (action.kind === 'reject') return ['refused'];
  const isShortCircuited = action.hasShortCircuit && (isPod || isNode);
  if (!isShortCircuited && action.kind === 'drop') return ['dropped'];
  const endpoints = isShortCircuited || action.kind === 'drop' ? port.cluster : port[action.list];
  const isMasqueraded =
    frontend.kind === 'ClusterIP'
      ? plan.node.masqueradesAll || (tellsPods(plan.node.localPods, port.family) && !isInside)
      : action.hasShortCircuit
        ? isNode
        : true;
  return [...new Set(endpoints.map((endpoint) => fateAt(endpoint, plan, machine, packet, isMasqueraded)))].sort();
}

function fateAt(
  { address, port }: EndpointAddress,
  plan: L4Plan,
  machine: Machine,
  packet: Packet,
  isMasqueraded: boolean,
): string {
  const isTranslated = address !== packet.destination || port !== packet.port;
  const isHairpin = packet.source === address && plan.hairpins.has(address);
  // What ends on the node itself is answered by it, whoever sent it.
  const leaves = isTranslated && !machine.addresses.has(address);
  return fateText({
    kind: 'delivered',
    address,
    port,
    isTranslated,
    isMasqueraded: leaves && (isMasqueraded || isHairpin),
  });
}

/** The frontend that a packet is sent to, if it is one. */
export function meets(plan: L4Plan, packet: Packet): Met | undefined {
  const family = packet.destination.includes(':') ? 6 : 4;
  const all = [...plan.services.values()]
    .flatMap((service) => service.ports)
    .filter((port) => port.family === family && port.protocol.toLowerCase() === packet.protocol)
    .flatMap((port) => port.frontends.map((frontend) => ({ port, frontend })))
    .filter(({ frontend }) => frontend.port === packet.port);
  const isNodePortAddress = plan.node.nodePortAddresses.some((address) => address === packet.destination);
  return (
    all.find(({ frontend }) => frontend.address === packet.destination) ??
    (isNodePortAddress ? all.find(({ frontend }) => frontend.address === undefined) : undefined)
  );
}

function hasClusterIp(service: ServicePlan, address: string): boolean {
  return service.clusterIps.some((own) => own === address);
}

function isLocalPod(localPods: LocalPods, packet: Packet): boolean {
  switch (localPods.kind) {
    case 'unknown':
      return false;
    case 'cidrs':
      return localPods.cidrs.some((range) => cidrHas(range, ip(packet.source)));
    case 'bridge':
      return packet.interface === localPods.interface;
    case 'interface-prefix':
      return packet.interface?.startsWith(localPods.prefix) === true;
  }
}

/** A detector by ranges knows nothing of a family without a range, and then it says nothing about it. */
function tellsPods(localPods: LocalPods, family: 4 | 6): boolean {
  if (localPods.kind === 'cidrs') return localPods.cidrs.some((range) => range.family === family);
  return localPods.kind !== 'unknown';
}
