import type { PersistentMap } from '../lib/persistent-map.ts';
import type { NodeStatus, ObservedNodeStatus } from '../model/node-status.ts';
import type { EventWriter } from '../planes/status/events.ts';
import type { NodeStatusWriter } from '../planes/status/node-status.ts';

/** How what a node says of Services reaches a cluster, and what is said there. */
export interface NodeStatusChannel<S extends NodeStatus> {
  readonly writer: NodeStatusWriter<S>;
  /** Undefined where no Events are written. */
  readonly events: EventWriter | undefined;
  /** Follows what this node says, and perhaps others, until `signal` is aborted. */
  readonly follow: (
    onChange: (statuses: PersistentMap<ObservedNodeStatus<S>>) => void,
    signal: AbortSignal,
  ) => Promise<void>;
}
