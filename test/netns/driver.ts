import type { LabApiServer } from './api-server.ts';
import type { DesiredChange } from './objects.ts';
import type { NodeName } from './topology.ts';

/** What is under test: a program on every node that makes the kernel serve Services. */
export interface Driver {
  readonly name: DriverName;
  /** Where it reads the desired state from, when that is an API server. */
  readonly apiServer: LabApiServer | undefined;
  /** Starts the program on every node. Holds when it has programmed what it was told before. */
  start(): Promise<void>;
  /** Makes `all` the desired state. */
  write(change: DesiredChange): Promise<void>;
  /** Ends the program on one node. */
  stopNode(node: NodeName, signal: NodeJS.Signals): Promise<void>;
  startNode(node: NodeName): Promise<void>;
  stop(): Promise<void>;
  /** The ends of its logs, for a person who reads of a failed test. */
  logTails(): Promise<string>;
}

/** How the program tells pods of its node from everybody else (`--detect-local-mode`). */
export type LocalDetection =
  | { readonly mode: 'ClusterCIDR' | 'NodeCIDR' }
  | { readonly mode: 'BridgeInterface'; readonly interface: string }
  | { readonly mode: 'InterfaceNamePrefix'; readonly prefix: string };

export interface DriverOptions {
  /** Default: ClusterCIDR. */
  readonly detection?: LocalDetection;
}

export type DriverName = 'sluice' | 'kube-proxy';

/** SLUICE_LAB_DRIVER, or `sluice`. */
export function chosenDriver(): DriverName {
  const name = process.env['SLUICE_LAB_DRIVER'] ?? 'sluice';
  if (name !== 'sluice' && name !== 'kube-proxy')
    throw new Error(`SLUICE_LAB_DRIVER is "${name}", neither sluice nor kube-proxy`);
  return name;
}
