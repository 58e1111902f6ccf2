import type { GatewayServiceFields, GatewayServiceWish } from '../../compile/gateway/gateway-service-wish.ts';
import type { Fault } from '../../lib/fault.ts';
import { madeText, type MadeService } from '../../model/gateway/made-for-gateway.ts';
import type { ObservedService } from '../../model/observed.ts';
import type { ItemWrite, KeyedPlane } from '../keyed-plane.ts';

/** Clients of a Gateway keep their addresses on the way to it. */
export const TRAFFIC_POLICY = 'Local';

/** How Services of Gateways reach the API server. */
export interface GatewayServiceWriter {
  /**
   * Makes the Service of this name so; creates it if need be. Returns it; undefined where one that is not ours has the name.
   * @throws Fault
   */
  write(
    key: string,
    fields: GatewayServiceFields,
    isNew: boolean,
    signal: AbortSignal,
  ): Promise<ObservedService | undefined>;
  /** Removes the Service, if it is still the one with this uid. @throws Fault */
  remove(key: string, uid: string, signal: AbortSignal): Promise<void>;
  /** Whether a Fault says that the API server takes no writes for now, rather than that it refuses this one. */
  concernsAll(fault: Fault): boolean;
}

/**
 * A Service of type LoadBalancer for each Gateway. What others change in what we say of it is set right; what they add stays. One whose
 * Gateway is gone, or is another controller's now, is removed.
 */
export class GatewayServicePlane implements KeyedPlane<GatewayServiceWish, ObservedService> {
  readonly name = 'gateway-services';
  readonly renewAfterMs = undefined;
  /** Whether all has been read that decides which Gateways are ours. */
  mayRemove = false;
  readonly #writer: GatewayServiceWriter;

  constructor(writer: GatewayServiceWriter) {
    this.#writer = writer;
  }

  compare(
    key: string,
    want: GatewayServiceWish | undefined,
    seen: ObservedService | undefined,
  ): ItemWrite<ObservedService> | undefined {
    if (want === undefined) {
      if (seen?.made === undefined || !this.mayRemove) return undefined;
      const { uid } = seen;
      return async (signal) => {
        await this.#writer.remove(key, uid, signal);
        return undefined;
      };
    }
    const made = seen?.made;
    if (want.kind === 'keep' || isSame(want, made)) return undefined;
    // With another class all that is to change would be refused, for ever.
    const fields = made === undefined ? want : { ...want, className: made.className };
    return (signal) => this.#writer.write(key, fields, made === undefined, signal);
  }

  concernsAll(fault: Fault): boolean {
    return this.#writer.concernsAll(fault);
  }

  otherWriter(): undefined {
    return undefined;
  }
}

function isSame(want: GatewayServiceFields, made: MadeService | undefined): boolean {
  if (made === undefined) return false;
  const { owner, ports, labels, annotations } = want;
  const fields = {
    ownerUid: owner.uid,
    trafficPolicy: TRAFFIC_POLICY,
    ports: ports.map((port) => ({ ...port, protocol: 'TCP' })),
  };
  return made.text === madeText(fields) && has(made.labels, labels) && has(made.annotations, annotations);
}

function has(all: Readonly<Record<string, string>>, some: Readonly<Record<string, string>>): boolean {
  return Object.entries(some).every(([name, value]) => all[name] === value);
}
