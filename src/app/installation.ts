import { createHash } from 'node:crypto';
import { DEFAULT_INGRESS_CLASS } from '../compile/settings.ts';

/**
 * Processes that serve the same Ingress class, as one: they elect one leader, publish the addresses of one another, and write in one
 * name. Another class may be served beside, from the same namespace, and neither touches what the other writes.
 */
export interface Installation {
  /** Our name in `managedFields`. */
  readonly fieldManager: string;
  /** The name of the Lease by which the leader is elected. */
  readonly leaseName: string;
  /** The value of the label on the Leases of gateways. */
  readonly label: string;
}

/** The longest value of a label; field managers may have 128 characters. */
const MAX_LABEL = 63;

/** @param leaseName `--lease-name`, where it is given */
export function installationOf(ingressClass: string, leaseName: string | undefined): Installation {
  const name = ingressClass === DEFAULT_INGRESS_CLASS ? 'sluice' : fitting(`sluice-${ingressClass}`);
  return { fieldManager: name, leaseName: leaseName ?? `${name}-leader`, label: name };
}

function fitting(name: string): string {
  if (name.length <= MAX_LABEL) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8);
  return `${name.slice(0, MAX_LABEL - 9).replace(/[-.]+$/, '')}-${hash}`;
}
