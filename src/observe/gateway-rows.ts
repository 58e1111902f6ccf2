import type { Condition } from '../compile/gateway/condition.ts';
import type { Plan } from '../compile/plan.ts';

/** A listener of a Gateway. */
export interface GatewayRow {
  /** `namespace/name`. */
  readonly gateway: string;
  readonly listener: string;
  readonly kinds: readonly string[];
  readonly attachedRoutes: number;
  /** Whether it is served. */
  readonly served: boolean;
  /** Reason and message of the first condition that is not as it should be; empty where all are. */
  readonly problem: string;
}

/** The listeners of the Gateways that are ours, in the order in which they are written. */
export function gatewayRows({ status }: Plan): readonly GatewayRow[] {
  return status.gateway.gateways.sorted().flatMap(([gateway, { conditions, listeners }]) => {
    const ofAll = conditions.filter(({ isTrue }) => !isTrue);
    return listeners.map(({ name, supportedKinds, attachedRoutes, conditions: own }) => ({
      gateway,
      listener: name,
      kinds: supportedKinds.map(({ kind }) => kind),
      attachedRoutes,
      served: ofAll.length === 0 && own.some(({ type, isTrue }) => type === 'Programmed' && isTrue),
      problem: problemOf([...own.filter(isWrong), ...ofAll]),
    }));
  });
}

/** Of one listener; that it is not programmed follows from the others. */
function isWrong({ type, isTrue }: Condition): boolean {
  return type === 'Accepted' || type === 'ResolvedRefs' ? !isTrue : false;
}

function problemOf([first]: readonly Condition[]): string {
  if (first === undefined) return '';
  return first.message === '' ? first.reason : `${first.reason}: ${first.message}`;
}
