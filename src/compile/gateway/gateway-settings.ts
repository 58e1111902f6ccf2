/** `spec.controllerName` of the GatewayClasses that are ours. */
export const GATEWAY_CONTROLLER = 'sluice.dev/gateway';

/** Ports of listeners that are served. Another one would need a port of HAProxy that is not there. */
export interface ListenerPorts {
  readonly http: readonly number[];
  readonly https: readonly number[];
}
