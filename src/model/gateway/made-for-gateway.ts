/** The label by which what is made for a Gateway is found (Gateway API, GatewayInfrastructure). */
export const GATEWAY_NAME_LABEL = 'gateway.networking.k8s.io/gateway-name';

/** Who keeps an object; only what has this is ours to change and to remove. */
export const MANAGED_BY = { label: 'app.kubernetes.io/managed-by', value: 'sluice' } as const;

/** The name of a port of such a Service. */
export function portName(port: number): string {
  return `port-${String(port)}`;
}

/** What is observed of a Service that was made for a Gateway, as far as whoever made it says it. */
export interface MadeService {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  /** `spec.loadBalancerClass`, which cannot be changed once the Service is there (core/v1 ServiceSpec). */
  readonly className: string | undefined;
  /** {@link madeText} of the rest. */
  readonly text: string;
}

/** What is said in the `spec` of such a Service, and whose it is. */
export interface MadeFields {
  readonly ownerUid: string;
  readonly trafficPolicy: string;
  readonly ports: readonly { readonly port: number; readonly protocol: string; readonly targetPort: number | string }[];
}

/** Equal for equal fields. */
export function madeText({ ownerUid, trafficPolicy, ports }: MadeFields): string {
  const sorted = ports
    .map(({ port, protocol, targetPort }) => `${protocol}/${String(port)}:${String(targetPort)}`)
    .sort();
  return [ownerUid, trafficPolicy, ...sorted].join(' ');
}
