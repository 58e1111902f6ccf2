import type { PersistentMap } from '../../lib/persistent-map.ts';

/** A port of the Service of a Gateway. */
export interface GatewayServicePort {
  readonly port: number;
  readonly targetPort: number;
}

/** The Service that a Gateway is to have; `keep`: the one that it has, as it is, because the Gateway cannot be understood now. */
export type GatewayServiceWish = { readonly kind: 'keep' } | GatewayServiceFields;

export interface GatewayServiceFields {
  readonly kind: 'made';
  /** The Gateway; without it the Service has no reason to be. */
  readonly owner: { readonly name: string; readonly uid: string };
  readonly createdMs: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** `spec.loadBalancerClass`. */
  readonly className: string | undefined;
  /** By number; never empty. */
  readonly ports: readonly GatewayServicePort[];
}

export type GatewayServiceWishes = PersistentMap<GatewayServiceWish>;
