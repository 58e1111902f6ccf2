import type { ClassStatus } from '../../compile/gateway/status-plan.ts';
import type { ObservedStatus } from '../../model/observed.ts';
import { ApiStatusPlane } from './api-status.ts';
import { writtenConditions } from './conditions.ts';
import type { StatusWriter } from './status-writer.ts';

/** What GatewayClasses that are ours show. @param now Unix time in milliseconds */
export function gatewayClassStatusPlane(
  writer: StatusWriter<ObservedStatus>,
  now: () => number,
): ApiStatusPlane<ClassStatus> {
  return new ApiStatusPlane('gateway-class-status', writer, (want, shown) =>
    want === undefined
      ? undefined
      : {
          conditions: writtenConditions(want.conditions, want.generation, shown['conditions'], now()),
          supportedFeatures: want.supportedFeatures.map((name) => ({ name })),
        },
  );
}
