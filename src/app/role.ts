import type { PlaneState } from '../planes/runner.ts';
import type { L4Plan } from '../compile/l4/l4-plan.ts';
import type { Plan } from '../compile/plan.ts';
import type { Finding } from '../model/finding.ts';
import type { BgpPeerState } from '../model/bgp-peer-state.ts';
import type { IpAddress } from '../model/grammar.ts';
import type { L2Status } from '../model/l2-status.ts';
import type { Interest } from '../sources/cluster/interest.ts';

/** The parts of the program that can run apart: on other machines, with other rights. */
export type RoleName = 'node' | 'gateway' | 'controller';

export const ROLES: readonly RoleName[] = ['node', 'gateway', 'controller'];

const SERVICES: readonly Interest[] = [
  { kind: 'Service', objects: 'all' },
  { kind: 'EndpointSlice', objects: 'all' },
];

const ROUTING: readonly Interest[] = [
  { kind: 'Ingress', objects: 'all' },
  { kind: 'IngressClass', objects: 'all' },
  { kind: 'Secret', objects: 'wanted' },
  { kind: 'ConfigMap', objects: 'wanted' },
  ...SERVICES,
];

/** What each role reads of a cluster, where this machine is the Node `nodeName`. `deploy/` grants exactly that, held to it by a test. */
export const ROLE_INTERESTS: Readonly<Record<RoleName, (nodeName: string | undefined) => readonly Interest[]>> = {
  gateway: () => ROUTING,
  // It says what is wrong with what the gateways serve.
  controller: () => ROUTING,
  node: (nodeName) => [...SERVICES, { kind: 'ServiceCIDR', objects: 'all' }, ...ownNode(nodeName)],
};

/** What whoever gives Services addresses of pools reads besides (`--load-balancer`); `deploy/load-balancer.yaml` grants it. */
const ADDRESS_INTERESTS: readonly Interest[] = [
  { kind: 'IPAddressPool', objects: 'all' },
  { kind: 'L2Advertisement', objects: 'all' },
  { kind: 'Namespace', objects: 'all' },
];

/** What gateways and controllers read besides for Gateway API (`--gateway-api`); `deploy/gateway-api.yaml` grants it. */
export const GATEWAY_INTERESTS: readonly Interest[] = [
  { kind: 'GatewayClass', objects: 'all' },
  { kind: 'Gateway', objects: 'all' },
  { kind: 'HTTPRoute', objects: 'all' },
  { kind: 'GRPCRoute', objects: 'all' },
  { kind: 'ReferenceGrant', objects: 'all' },
  { kind: 'BackendTLSPolicy', objects: 'all' },
  // Listeners select routes by the labels of their namespaces.
  { kind: 'Namespace', objects: 'all' },
];

/** `deploy/gateway-api.yaml` and `deploy/load-balancer.yaml` grant it, each for its own reasons. */
const NAMESPACES: readonly Interest[] = [{ kind: 'Namespace', objects: 'all' }];

/** What whoever answers for these addresses reads besides (`--announce`): the same file grants it. */
const ANNOUNCE_INTERESTS: readonly Interest[] = [
  { kind: 'IPAddressPool', objects: 'all' },
  { kind: 'L2Advertisement', objects: 'all' },
  { kind: 'Node', objects: 'all' },
];

/**
 * What whoever announces these addresses by BGP reads besides (`--bgp`); `deploy/bgp.yaml` grants it, Secrets in one namespace and by name.
 */
const BGP_INTERESTS: readonly Interest[] = [
  { kind: 'IPAddressPool', objects: 'all' },
  { kind: 'BGPPeer', objects: 'all' },
  { kind: 'BGPAdvertisement', objects: 'all' },
  { kind: 'BFDProfile', objects: 'all' },
  { kind: 'Community', objects: 'all' },
  { kind: 'Node', objects: 'all' },
  { kind: 'Secret', objects: 'wanted' },
];

/** What a process reads of a cluster. */
export function interestsOf(process: {
  readonly roles: ReadonlySet<RoleName>;
  readonly nodeName: string | undefined;
  readonly givesAddresses: boolean;
  readonly announces: boolean;
  readonly speaksBgp: boolean;
  /** Whether Ingresses are told apart by the labels of their namespaces (`--watch-namespace-selector`). */
  readonly selectsNamespaces: boolean;
  readonly hasGatewayApi: boolean;
}): readonly Interest[] {
  const { roles, nodeName, givesAddresses, announces, speaksBgp, selectsNamespaces, hasGatewayApi } = process;
  const hasAllNodes = announces || speaksBgp;
  return [
    // Its own Node is among all of them then.
    ...[...roles].flatMap((role) => ROLE_INTERESTS[role](hasAllNodes ? undefined : nodeName)),
    ...(givesAddresses ? ADDRESS_INTERESTS : []),
    ...(announces ? ANNOUNCE_INTERESTS : []),
    ...(speaksBgp ? BGP_INTERESTS : []),
    ...(selectsNamespaces ? NAMESPACES : []),
    ...(hasGatewayApi ? GATEWAY_INTERESTS : []),
  ];
}

function ownNode(nodeName: string | undefined): readonly Interest[] {
  return nodeName === undefined ? [] : [{ kind: 'Node', objects: { named: nodeName } }];
}

/** One part of the program: it brings its share of every plan about. */
export interface Role {
  readonly name: RoleName;
  /** The newest plan; never one of half a world. */
  want(plan: Plan): void;
  /** What is still missing before this part serves what the plan says; empty when nothing is. */
  notReady(): readonly string[];
  /** What the kernel has, of the role that programs it. */
  readonly programmed?: L4Plan | undefined;
  /** What the engine of this part, or the network, refuses of the newest plan. */
  readonly refused?: readonly Finding[];
  /** The end has begun: clients should be led elsewhere, although those that still come are served. */
  withdraw?(): void;
  /** Resolves once clients have been led elsewhere after `withdraw`, or `cut` is aborted. */
  drained?(cut: AbortSignal): Promise<void>;
  /** The BGP sessions of this node, of the role that has some. */
  readonly peers?: readonly BgpPeerState[] | undefined;
  /** The addresses of Services that this node answers for, of the role that announces them. */
  readonly held?: ReadonlySet<IpAddress> | undefined;
  /** Which nodes answer for addresses of a Service, the latest first, of the role that knows. */
  readonly announcersOf?: ((service: string) => readonly L2Status[]) | undefined;
  /** Runs until `signal` is aborted. Throws what is a bug, or a Fault where it cannot start. */
  run(signal: AbortSignal): Promise<void>;
  /** Leaves the world as the operator wants it, after `run` has ended; waits for nothing any more once `cut` is aborted. */
  release(cut?: AbortSignal): Promise<void>;
}

/** Why the plane behind `runner` is not ready; empty when it is. */
export function notApplied(runner: { readonly name: string; readonly state: PlaneState }): readonly string[] {
  const { name, state } = runner;
  switch (state.kind) {
    case 'applied':
      return [];
    case 'failing':
      return [`${name}: ${state.fault.message}`];
    case 'waiting':
      return [`${name}: nothing applied yet`];
  }
}
