import type { Fault } from '../../lib/fault.ts';
import type { NodeStatus, ObservedNodeStatus } from '../../model/node-status.ts';
import type { ItemWrite, KeyedPlane } from '../keyed-plane.ts';

/** How objects in which nodes say something of Services reach the API server. */
export interface NodeStatusWriter<S extends NodeStatus> {
  /** Makes the object say so; creates it if need be. Returns it; undefined where another one of the name has come meanwhile. @throws Fault */
  write(name: string, status: S, signal: AbortSignal): Promise<ObservedNodeStatus<S> | undefined>;
  /** Removes the object, if it is still the one with this uid. @throws Fault */
  remove(name: string, uid: string, signal: AbortSignal): Promise<void>;
  /** Whether a Fault says that the API server takes no writes for now, rather than that it refuses this one. */
  concernsAll(fault: Fault): boolean;
}

export interface NodeStatusPlaneOptions<S extends NodeStatus> {
  readonly name: string;
  readonly writer: NodeStatusWriter<S>;
  /** This node. */
  readonly nodeName: string;
  readonly isSame: (a: S, b: S) => boolean;
  /** Whether it is for us to remove what another node says. */
  readonly isAbandoned: (status: S) => boolean;
  /** Called when this node has said something of a Service for the first time. */
  readonly onCreated: (status: S) => void;
}

/**
 * What this node says of Services, in one object for each: those of this node are its own to write and to remove. Those of a node that has
 * gone without a word are removed by who takes its place.
 */
export class NodeStatusPlane<S extends NodeStatus> implements KeyedPlane<S, ObservedNodeStatus<S>> {
  readonly renewAfterMs = undefined;
  readonly #options: NodeStatusPlaneOptions<S>;

  constructor(options: NodeStatusPlaneOptions<S>) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  compare(
    key: string,
    want: S | undefined,
    seen: ObservedNodeStatus<S> | undefined,
  ): ItemWrite<ObservedNodeStatus<S>> | undefined {
    const { writer, nodeName, isSame, isAbandoned, onCreated } = this.#options;
    if (want === undefined) {
      // MetalLB's own, where its speakers live in the same namespace, say nothing of a time.
      if (seen === undefined || seen.since === '') return undefined;
      if (seen.node !== nodeName && !isAbandoned(seen)) return undefined;
      return async (signal) => {
        await writer.remove(key, seen.uid, signal);
        return undefined;
      };
    }
    if (seen !== undefined && isSame(want, seen)) return undefined;
    return async (signal) => {
      const written = await writer.write(key, want, signal);
      if (seen === undefined && written !== undefined) onCreated(want);
      return written;
    };
  }

  concernsAll(fault: Fault): boolean {
    return this.#options.writer.concernsAll(fault);
  }

  otherWriter(): undefined {
    return undefined;
  }
}
