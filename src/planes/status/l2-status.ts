import type { Fault } from '../../lib/fault.ts';
import type { L2Status, ObservedL2Status } from '../../model/l2-status.ts';
import type { ItemWrite, KeyedPlane } from '../keyed-plane.ts';

/** How ServiceL2Status objects reach the API server. */
export interface L2StatusWriter {
  /** Makes the object say so; creates it if need be. Returns it; undefined where another one of the name has come meanwhile. @throws Fault */
  write(name: string, status: L2Status, signal: AbortSignal): Promise<ObservedL2Status | undefined>;
  /** Removes the object, if it is still the one with this uid. @throws Fault */
  remove(name: string, uid: string, signal: AbortSignal): Promise<void>;
  /** Whether a Fault says that the API server takes no writes for now, rather than that it refuses this one. */
  concernsAll(fault: Fault): boolean;
}

/**
 * That this node answers for addresses of Services, in one ServiceL2Status for each: those of this node are its own to write and to remove.
 * Those of a node that has gone without a word are removed by whoever has the addresses now.
 */
export class L2StatusPlane implements KeyedPlane<L2Status, ObservedL2Status> {
  readonly name = 'l2-status';
  readonly renewAfterMs = undefined;
  readonly #writer: L2StatusWriter;
  readonly #node: string;
  readonly #isAbandoned: (status: L2Status) => boolean;
  readonly #onCreated: (status: L2Status) => void;

  /**
   * @param isAbandoned whether it is for us to remove what another node says
   * @param onCreated called when this node has said for the first time that it has addresses of a Service
   */
  constructor(
    writer: L2StatusWriter,
    node: string,
    isAbandoned: (status: L2Status) => boolean,
    onCreated: (status: L2Status) => void,
  ) {
    this.#writer = writer;
    this.#node = node;
    this.#isAbandoned = isAbandoned;
    this.#onCreated = onCreated;
  }

  compare(
    key: string,
    want: L2Status | undefined,
    seen: ObservedL2Status | undefined,
  ): ItemWrite<ObservedL2Status> | undefined {
    if (want === undefined) {
      // MetalLB's own, where its speakers live in the same namespace, say nothing of a time.
      if (seen === undefined || seen.since === '') return undefined;
      if (seen.node !== this.#node && !this.#isAbandoned(seen)) return undefined;
      return async (signal) => {
        await this.#writer.remove(key, seen.uid, signal);
        return undefined;
      };
    }
    if (seen !== undefined && isSame(want, seen)) return undefined;
    return async (signal) => {
      const written = await this.#writer.write(key, want, signal);
      if (seen === undefined && written !== undefined) this.#onCreated(want);
      return written;
    };
  }

  concernsAll(fault: Fault): boolean {
    return this.#writer.concernsAll(fault);
  }

  otherWriter(): undefined {
    return undefined;
  }
}

function isSame(a: L2Status, b: L2Status): boolean {
  return (
    a.node === b.node &&
    a.service === b.service &&
    a.since === b.since &&
    a.why === b.why &&
    a.interfaces.join() === b.interfaces.join() &&
    a.addresses.join() === b.addresses.join()
  );
}
