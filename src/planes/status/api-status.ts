import type { Fault } from '../../lib/fault.ts';
import type { ObservedStatus } from '../../model/observed.ts';
import type { ItemWrite, KeyedPlane } from '../keyed-plane.ts';
import { shows, type Json } from './conditions.ts';
import type { StatusWriter } from './status-writer.ts';

/** What a status of conditions is made of. */
interface Dated {
  /** Of the object that is spoken of. */
  readonly generation: number;
}

/**
 * The status of one kind of Gateway API, complete in one write: a condition that is older than the object is read as if nobody had
 * looked at it yet, so that all of them are written together, each time the object changes.
 */
export class ApiStatusPlane<Want extends Dated> implements KeyedPlane<Want, ObservedStatus> {
  readonly name: string;
  readonly renewAfterMs = undefined;
  readonly #writer: StatusWriter<ObservedStatus>;
  readonly #statusOf: (want: Want | undefined, shown: Json) => Json | undefined;

  /** @param statusOf the status for what is wanted, beside what is shown; undefined: it is left as it is */
  constructor(
    name: string,
    writer: StatusWriter<ObservedStatus>,
    statusOf: (want: Want | undefined, shown: Json) => Json | undefined,
  ) {
    this.name = name;
    this.#writer = writer;
    this.#statusOf = statusOf;
  }

  compare(
    key: string,
    want: Want | undefined,
    seen: ObservedStatus | undefined,
  ): ItemWrite<ObservedStatus> | undefined {
    if (seen === undefined) return undefined;
    // The object has changed since: what is to be said of it as it is now is on its way.
    if (want !== undefined && want.generation !== seen.generation) return undefined;
    const status = this.#statusOf(want, seen.status);
    if (status === undefined || shows(status, seen.status)) return undefined;
    const { uid, resourceVersion } = seen;
    return (signal) => this.#writer.write({ key, uid, resourceVersion, status }, signal);
  }

  concernsAll(fault: Fault): boolean {
    return this.#writer.concernsAll(fault);
  }

  otherWriter(): undefined {
    return undefined;
  }
}
