import type { Condition } from '../../src/compile/gateway/condition.ts';
import type { GatewayStatusPlan } from '../../src/compile/gateway/status-plan.ts';

/** What objects of Gateway API show, as a person reads it; nothing where there are none. */
export function printGatewayStatus({
  classes,
  gateways,
  httpRoutes,
  grpcRoutes,
  backendTlsPolicies,
}: GatewayStatusPlan): string {
  const lines = [
    ...classes
      .sorted()
      .flatMap(([key, { generation, conditions }]) => [
        `GatewayClass ${key} generation ${String(generation)}`,
        ...conditions.map(line),
      ]),
    ...gateways
      .sorted()
      .flatMap(([key, status]) => [
        `Gateway ${key} generation ${String(status.generation)}`,
        ...[...status.conditions, { type: 'Programmed', ...status.programmed }].map(line),
        ...status.listeners.flatMap(({ name, supportedKinds, attachedRoutes, conditions }) => [
          `  listener ${name}: ${supportedKinds.map(({ kind }) => kind).join(' ') || 'no kinds'}, ${String(attachedRoutes)} attached`,
          ...conditions.map((condition) => `  ${line(condition)}`),
        ]),
      ]),
    ...routeLines('HTTPRoute', httpRoutes),
    ...routeLines('GRPCRoute', grpcRoutes),
    ...backendTlsPolicies
      .sorted()
      .flatMap(([key, { generation, parents }]) => [
        `BackendTLSPolicy ${key} generation ${String(generation)}`,
        ...parents.flatMap(({ parent, conditions }) => [
          `  ancestor ${String(parent.namespace)}/${parent.name}`,
          ...conditions.map((condition) => `  ${line(condition)}`),
        ]),
      ]),
  ];
  return lines.map((text) => `${text}\n`).join('');
}

function routeLines(kind: string, routes: GatewayStatusPlan['httpRoutes']): readonly string[] {
  return routes
    .sorted()
    .flatMap(([key, { generation, parents }]) => [
      `${kind} ${key} generation ${String(generation)}`,
      ...parents.flatMap(({ parent, conditions }) => [
        `  parent ${[parent.name, parent.sectionName, parent.port].filter((part) => part !== undefined).join(' ')}`,
        ...conditions.map((condition) => `  ${line(condition)}`),
      ]),
    ]);
}

function line({ type, isTrue, reason, message }: Condition): string {
  return `  ${type}=${isTrue ? 'True' : 'False'} ${reason}${message === '' ? '' : `: ${message}`}`;
}
