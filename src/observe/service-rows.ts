import type { L4Plan, ServicePlan, ServicePortPlan } from '../compile/l4/l4-plan.ts';
import type { BackendPlan, Plan } from '../compile/plan.ts';

/** One port of one Service: what it should be, and what the kernel has. */
export interface ServiceRow {
  /** `namespace/name`. */
  readonly service: string;
  readonly port: number;
  readonly protocol: string;
  /** ClusterIPs, external and load balancer addresses, in both families. */
  readonly addresses: readonly string[];
  /** 0 where there is none. */
  readonly nodePort: number;
  /** Endpoints that get new connections or requests. */
  readonly ready: readonly string[];
  /** Endpoints that finish what they have. */
  readonly draining: readonly string[];
  /** How routes speak to it; empty where no route uses it. */
  readonly http: string;
  /** Whether the kernel has it as it should be; `-` where this process does not program the kernel. */
  readonly kernel: 'programmed' | 'pending' | '-';
}

/** Every Service port that is served, by routes or in the kernel. `programmed` is what the kernel has. */
export function serviceRows(plan: Plan, programmed: L4Plan | undefined): readonly ServiceRow[] {
  const rows = new Map<string, ServiceRow>();
  const put = (row: ServiceRow): void => {
    const key = `${row.service} ${String(row.port)} ${row.protocol}`;
    const known = rows.get(key);
    rows.set(key, known === undefined ? row : merged(known, row));
  };
  for (const [key, service] of plan.l4?.services.sorted() ?? []) {
    const kernel = programmed?.services.get(key) === service ? 'programmed' : 'pending';
    for (const port of service.ports) put(kernelRow(service, port, kernel));
  }
  for (const [, backend] of plan.l7.backends.sorted()) put(backendRow(backend));
  return [...rows.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
}

/** One port in two families, or in the kernel and behind a route, is one row. */
function merged(a: ServiceRow, b: ServiceRow): ServiceRow {
  const both = (left: readonly string[], right: readonly string[]): readonly string[] => [
    ...new Set([...left, ...right]),
  ];
  return {
    ...a,
    addresses: both(a.addresses, b.addresses),
    nodePort: a.nodePort === 0 ? b.nodePort : a.nodePort,
    ready: both(a.ready, b.ready),
    draining: both(a.draining, b.draining),
    http: a.http === '' ? b.http : a.http,
    kernel: a.kernel === '-' ? b.kernel : a.kernel,
  };
}

function kernelRow(service: ServicePlan, port: ServicePortPlan, kernel: ServiceRow['kernel']): ServiceRow {
  const named = port.frontends.filter((frontend) => frontend.address !== undefined);
  return {
    service: `${service.namespace}/${service.name}`,
    port: named[0]?.port ?? 0,
    protocol: port.protocol,
    addresses: named.flatMap(({ address }) => address ?? []),
    nodePort: port.frontends.find((frontend) => frontend.kind === 'NodePort')?.port ?? 0,
    ready: port.cluster.map(endpointText),
    draining: [],
    http: '',
    kernel,
  };
}

function backendRow({ namespace, service, port, protocol, servers }: BackendPlan): ServiceRow {
  return {
    service: `${namespace}/${service}`,
    port,
    protocol: 'TCP',
    addresses: [],
    nodePort: 0,
    ready: servers.filter(({ state }) => state === 'ready').map(endpointText),
    draining: servers.filter(({ state }) => state === 'draining').map(endpointText),
    http: protocol,
    kernel: '-',
  };
}

function endpointText({ address, port }: { readonly address: string; readonly port: number }): string {
  return address.includes(':') ? `[${address}]:${String(port)}` : `${address}:${String(port)}`;
}
