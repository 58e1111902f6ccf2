import { invariant } from '../../lib/invariant.ts';

/**
 * Ports of HAProxy for listeners of Gateways, which nobody asks for by their numbers: rules of the kernel lead the ports of a Gateway's own
 * address here. The first half takes HTTP, the other one TLS.
 */
export interface InnerPorts {
  readonly first: number;
  readonly last: number;
}

/** How a connection begins. */
export type InnerKind = 'http' | 'tls';

/** How many ports of each kind stand ready once one is needed; they double when more are, which takes one hand-over of the process. */
const FIRST_RESERVE = 32;

/** The ports of a kind, lowest first. */
export function innerPortsOf({ first, last }: InnerPorts, kind: InnerKind): InnerPorts {
  const count = Math.floor((last - first + 1) / 2);
  const start = kind === 'http' ? first : first + count;
  return { first: start, last: start + count - 1 };
}

/** Whether a port is one of a kind. */
export function isInnerPort(port: number, ports: InnerPorts, kind: InnerKind): boolean {
  const { first, last } = innerPortsOf(ports, kind);
  return port >= first && port <= last;
}

/** How many ports of each kind have to stand ready for these: none, or 32, or twice as many, and so on. */
export function reserveFor(used: Iterable<number>, ports: InnerPorts): number {
  const count = Math.floor((ports.last - ports.first + 1) / 2);
  let needed = 0;
  for (const port of used) {
    invariant(port >= ports.first && port < ports.first + 2 * count, `${String(port)} is an inner port`);
    needed = Math.max(needed, ((port - ports.first) % count) + 1);
  }
  if (needed === 0) return 0;
  let reserve = FIRST_RESERVE;
  while (reserve < needed) reserve *= 2;
  return Math.min(reserve, count);
}
