import type { AnnounceSettings, InterfaceFacts } from './announce/announce-settings.ts';
import type { RouterRange } from './announce/router-numbers.ts';
import type { BgpSettings } from './bgp/bgp-settings.ts';
import type { IpAddress } from '../model/grammar.ts';
import type { LabelSelector } from '../model/label-selector.ts';
import type { PublishedAddress } from '../model/service.ts';
import type { AddressSettings } from './addresses/address-plan.ts';
import type { ListenerPorts } from './gateway/gateway-settings.ts';
import type { InnerPorts } from './gateway/inner-ports.ts';
import type { AllocationSettings, L4Settings } from './l4/l4-settings.ts';

/** `spec.controller` of the IngressClasses that are ours, unless `--controller-class` names another. */
export const DEFAULT_CONTROLLER_CLASS = 'sluice.dev/ingress';

/** The class that is served unless `--ingress-class` names another. */
export const DEFAULT_INGRESS_CLASS = 'sluice';

export const DEFAULT_CLASSES = { ingressClass: DEFAULT_INGRESS_CLASS, controllerClass: DEFAULT_CONTROLLER_CLASS };

/** The same in the place of an ingress-nginx: what its controller has where nobody says otherwise. */
export const NGINX_CLASS = { ingressClass: 'nginx', controllerClass: 'k8s.io/ingress-nginx' };

/** What the operator decided; fixed for the life of the process. */
export interface CompileSettings {
  /** Standalone, every Ingress is meant for us unless a class in the manifests says otherwise. */
  readonly mode: 'standalone' | 'cluster';
  /** `--ingress-class`: an Ingress with this class is ours, unless an IngressClass gives it to another controller. */
  readonly ingressClass: string;
  /** Whether `--ingress-class` was given: then it overrules a foreign IngressClass of that name. */
  readonly isIngressClassExplicit: boolean;
  /** `--controller-class`: an Ingress is ours when its IngressClass has this controller. */
  readonly controllerClass: string;
  readonly watchIngressWithoutClass: boolean;
  /** Ingresses of other namespaces are not ours; undefined: those of all are. */
  readonly namespaceSelector: LabelSelector | undefined;
  /** Whether an Ingress with a `defaultBackend` is left out as a whole, as ingress-nginx does. */
  readonly disablesCatchAll: boolean;
  /** `namespace/name` of a Service whose first port gets what no Ingress wants. */
  readonly defaultBackendService: string | undefined;
  /** `namespace/name` of the Secret for clients without a certificate of their own. */
  readonly defaultCertificateSecret: string | undefined;
  /** Whether ExternalName Services may lead to this machine itself and to link-local addresses. */
  readonly allowsLocalExternalNames: boolean;
  /** How paths of Ingresses are read: as the Ingress API says, or as ingress-nginx does. */
  readonly compat: 'strict-nginx' | undefined;
  /** `namespace/name` of the ConfigMap with the settings of ingress-nginx. */
  readonly configMap: string | undefined;
  /** Whether hosts with TLS redirect HTTP to HTTPS where the Ingress does not say. */
  readonly sslRedirect: boolean;
  /** Ports on which listeners of Gateways are served that have no address of their own. */
  readonly listenerPorts: ListenerPorts;
  /** Ports of the engine that those of Gateways' own addresses lead to; undefined where no Gateway has an address of its own. */
  readonly innerPorts: InnerPorts | undefined;
  /** `namespace/name` of the Service whose addresses are published on Ingresses; before `publishAddresses`. */
  readonly publishService: string | undefined;
  readonly publishAddresses: readonly PublishedAddress[];
  /** Undefined where this process programs no kernel. */
  readonly l4: L4Settings | undefined;
  /** Undefined where an API server allocates. */
  readonly allocation: AllocationSettings | undefined;
  /** Undefined where this process gives no addresses to Services of type LoadBalancer. */
  readonly addresses: AddressSettings | undefined;
  /** Virtual routers that the addresses are divided among that this process gives; undefined where that is not for it to record. */
  readonly recordedRouters: RouterRange | undefined;
  /** Undefined where this process answers for no addresses on the local network. */
  readonly announce: AnnounceSettings | undefined;
  /** Undefined where this process announces nothing by BGP. */
  readonly bgp: BgpSettings | undefined;
}

/** What changes with time and place rather than with objects. */
export interface Facts {
  /** Milliseconds since 1970: decides which certificates have expired. */
  readonly nowMs: number;
  readonly node: NodeFacts;
  /** The interfaces of this machine, without loopback and those of containers; looked at only where addresses are announced. */
  readonly interfaces?: readonly InterfaceFacts[] | undefined;
}

/** What is observed of the machine itself. */
export interface NodeFacts {
  /** Addresses of its interfaces, without loopback and link-local ones, the primary one of each family first. */
  readonly addresses: readonly IpAddress[];
}

/** The facts of a machine that nobody has looked at. */
export const NO_NODE_FACTS: NodeFacts = { addresses: [] };
