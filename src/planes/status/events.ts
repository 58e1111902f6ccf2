import type { Fault } from '../../lib/fault.ts';
import type { ObjectRef } from '../../model/object.ts';
import type { ItemWrite, KeyedPlane } from '../keyed-plane.ts';

/** Something to report by an Event, on the object that it is about. */
export interface EventWish {
  readonly object: ObjectRef;
  readonly type: 'Normal' | 'Warning';
  /** One word, UpperCamelCase: what automation matches. */
  readonly reason: string;
  /** For people. */
  readonly message: string;
}

/** How Events reach the API server. */
export interface EventWriter {
  /** @throws Fault */
  write(wish: EventWish, signal: AbortSignal): Promise<void>;
  /** Whether a Fault says that the API server takes no writes for now, rather than that it refuses this one. */
  concernsAll(fault: Fault): boolean;
}

/** API servers forget Events an hour after they were last written, unless --event-ttl says otherwise; in milliseconds. */
const RENEW_EVENT_AFTER_MS = 50 * 60_000;

/**
 * Events: each wish is written once. Nobody reads them back, since that would take the right to read all Events of the cluster; what
 * lasts is written again before the API server forgets it.
 */
export class EventPlane implements KeyedPlane<EventWish, EventWish> {
  readonly name = 'events';
  readonly renewAfterMs: number | undefined;
  readonly #writer: EventWriter;

  /** @param lasting `once`: what is reported has happened; `renewed`: it is so for as long as it is wanted */
  constructor(writer: EventWriter, lasting: 'once' | 'renewed') {
    this.#writer = writer;
    this.renewAfterMs = lasting === 'renewed' ? RENEW_EVENT_AFTER_MS : undefined;
  }

  compare(_key: string, want: EventWish | undefined, seen: EventWish | undefined): ItemWrite<EventWish> | undefined {
    if (want === undefined || want === seen) return undefined;
    return async (signal) => {
      await this.#writer.write(want, signal);
      return want;
    };
  }

  concernsAll(fault: Fault): boolean {
    return this.#writer.concernsAll(fault);
  }

  otherWriter(): undefined {
    return undefined;
  }
}
