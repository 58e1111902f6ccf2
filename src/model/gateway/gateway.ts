import type { Hostname } from '../grammar.ts';
import type { LabelSelector } from '../label-selector.ts';
import type { ObjectMeta } from '../object.ts';
import type { ObjectReference } from './reference.ts';

/** A Gateway (gateway.networking.k8s.io/v1): where traffic comes in, and which routes may be attached there. */
export interface Gateway {
  readonly meta: ObjectMeta;
  /** `metadata.generation`, which every condition in its status repeats; 0 where there is none, as in manifests. */
  readonly generation: number;
  readonly className: string;
  /** In the order in which they are written; names differ. */
  readonly listeners: readonly Listener[];
  readonly addresses: readonly AddressWish[];
  readonly infrastructure: Infrastructure;
  /** `spec.tls.backend.clientCertificateRef`. */
  readonly clientCertificate: ObjectReference | undefined;
  readonly clientValidation: ClientValidation;
}

/** One listener. What is not understood of it is refused by its conditions, so that it stands here as it is written. */
export interface Listener {
  readonly name: string;
  /** Undefined: every host. */
  readonly hostname: Hostname | undefined;
  readonly port: number;
  /** `HTTP`, `HTTPS`, `TLS`, `TCP`, `UDP`, or what nobody here serves. */
  readonly protocol: string;
  readonly tls: ListenerTls | undefined;
  readonly allowedRoutes: AllowedRoutes;
  /** JSON path, for Findings. */
  readonly field: string;
}

/** How TLS ends at a listener. */
export interface ListenerTls {
  readonly mode: 'Terminate' | 'Passthrough';
  readonly certificates: readonly ObjectReference[];
}

/** Which ports ask clients for certificates (`spec.tls.frontend`): not the listener decides, but its port. */
export interface ClientValidation {
  /** Of the ports that are not in `perPort`. */
  readonly isAskedByDefault: boolean;
  readonly perPort: readonly PortClientValidation[];
}

/** Whether one port asks clients for certificates, whatever the others do. */
export interface PortClientValidation {
  readonly port: number;
  readonly isAsked: boolean;
}

/** Which routes a listener takes. */
export interface AllowedRoutes {
  readonly namespaces: AllowedNamespaces;
  /** Undefined: all kinds that fit its protocol. */
  readonly kinds: readonly RouteKind[] | undefined;
}

/** From which namespaces routes may be attached; `none` where it cannot be read, lest it be open to all. */
export type AllowedNamespaces =
  { readonly from: 'Same' | 'All' | 'None' } | { readonly from: 'Selector'; readonly selector: LabelSelector };

/** A kind of routes by its group. */
export interface RouteKind {
  readonly group: string;
  readonly kind: string;
}

/** An address that a Gateway asks for (`spec.addresses`). */
export interface AddressWish {
  /** `IPAddress`, `Hostname`, or what nobody here understands. */
  readonly type: string;
  /** Empty: any of this type. */
  readonly value: string;
}

/** What is to be on all that is made for a Gateway (`spec.infrastructure`). */
export interface Infrastructure {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly parameters: ObjectReference | undefined;
}
