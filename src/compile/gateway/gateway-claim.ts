import type { Gateway } from '../../model/gateway/gateway.ts';
import { finding, type Finding } from '../../model/finding.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { CompileSettings } from '../settings.ts';
import { GATEWAY_CONTROLLER } from './gateway-settings.ts';

/** Whether a Gateway is ours to serve; when it is not, perhaps a Finding why. */
export type GatewayClaim =
  { readonly isOurs: true } | { readonly isOurs: false; readonly finding: Finding | undefined };

/**
 * Decides whether a Gateway is ours by the controller of its class (GatewayClass.spec.controllerName). In a folder of manifests all is
 * meant for us, unless a class there says otherwise.
 */
export function claimGateway(
  { meta, className }: Gateway,
  { gatewayClasses }: Pick<Snapshot, 'gatewayClasses'>,
  { mode }: Pick<CompileSettings, 'mode'>,
): GatewayClaim {
  const found = gatewayClasses.get(className);
  if (found?.controller === GATEWAY_CONTROLLER) return { isOurs: true };
  const ref = { kind: 'Gateway', namespace: meta.namespace, name: meta.name } as const;
  if (found === undefined) {
    if (mode === 'standalone') return { isOurs: true };
    const message = `no GatewayClass is named "${className}"`;
    return { isOurs: false, finding: finding('GatewayClassUnknown', ref, 'spec.gatewayClassName', message) };
  }
  // In a cluster another controller is at work for it, and it is none of our business.
  if (mode === 'cluster') return { isOurs: false, finding: undefined };
  const message = `class "${className}" belongs to the controller "${found.controller}"`;
  const remedy = `Write controllerName: ${GATEWAY_CONTROLLER} in the GatewayClass to have it served here.`;
  return { isOurs: false, finding: finding('GatewayClassUnknown', ref, 'spec.gatewayClassName', message, remedy) };
}
