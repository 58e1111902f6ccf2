import { createHash } from 'node:crypto';
import { ApiFault } from './api-fault.ts';
import type { EventNote } from './event-note.ts';
import { EventCorrelator, type CorrelatedEvent } from './event-correlation.ts';
import { collectionPath, objectPath, type Resource } from './resource.ts';
import type { Transport } from './transport.ts';

/** Who reports it. */
export interface EventSource {
  /** The program. */
  readonly component: string;
  /** Which of its processes: the node or pod name. */
  readonly instance: string;
}

const eventResource: Resource = { group: '', version: 'v1', plural: 'events', kind: 'Event', isNamespaced: true };

/** The limit of events.k8s.io/v1, which also serves what is written through core/v1. */
const maxMessageLength = 1024;
/** As many as client-go's event cache holds; what falls out of it is found again by name. */
const maxRemembered = 4096;

/**
 * Writes Events, the same one over and over as one object with a count.
 *
 * Through core/v1 and not events.k8s.io/v1, though both end in the same place: core/v1 carries
 * `count` and `lastTimestamp`, which every kubectl and dashboard shows, while the newer API forbids
 * them and its `series` is shown by few; and one RBAC rule (create, patch on events) is enough.
 *
 * An Event's name is derived from what it says, so that after a restart, or when another replica has
 * taken over, the count goes on instead of starting a second row.
 */
export class EventRecorder {
  readonly #transport: Transport;
  readonly #source: EventSource;
  /** Counts by namespace and name, the least recently used first. */
  readonly #counts = new Map<string, number>();
  readonly #correlator = new EventCorrelator();

  constructor(transport: Transport, source: EventSource) {
    this.#transport = transport;
    this.#source = source;
  }

  /**
   * Writes the Event, or counts it once more. Of many similar ones a single one is written, and of too many about one object none.
   *
   * @returns whether it was written
   * @throws ApiFault, Fault as {@link Transport}; a 403 with reason `Forbidden` also is what a
   *   namespace that is being deleted answers
   */
  async record(note: EventNote, signal?: AbortSignal): Promise<boolean> {
    const correlated = this.#correlator.correlate(note);
    if (correlated === undefined) return false;
    const namespace = note.subject.namespace ?? 'default';
    const name = eventName(correlated, this.#source.component);
    const key = `${namespace}/${name}`;
    const known = this.#counts.get(key);
    const count = await this.#write({ ...correlated, namespace, name, known, signal });
    this.#correlator.written(note);
    this.#counts.delete(key);
    this.#counts.set(key, count);
    const [oldest] = this.#counts.keys();
    if (this.#counts.size > maxRemembered && oldest !== undefined) this.#counts.delete(oldest);
    return true;
  }

  /** @returns how often the Event has been seen now */
  async #write(event: PendingEvent): Promise<number> {
    if (event.known !== undefined) {
      try {
        return await this.#count(event, event.known + 1);
      } catch (error) {
        // The server forgets Events after an hour (--event-ttl).
        if (!hasStatus(error, 404)) throw error;
      }
    }
    try {
      await this.#create(event);
      return 1;
    } catch (error) {
      if (!hasStatus(error, 409)) throw error;
      // Somebody before us: the answer to a patch tells the count, without the right to read Events.
      const before = await this.#count(event, undefined);
      return this.#count(event, before + 1);
    }
  }

  async #create({ note, namespace, name, signal }: PendingEvent): Promise<void> {
    const now = timestamp();
    await this.#transport.request({
      method: 'POST',
      path: collectionPath(eventResource, namespace),
      body: {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { namespace, name },
        involvedObject: note.subject,
        type: note.type,
        reason: note.reason,
        message: shorten(note.message),
        source: { component: this.#source.component, host: this.#source.instance },
        reportingComponent: this.#source.component,
        reportingInstance: this.#source.instance,
        firstTimestamp: now,
        lastTimestamp: now,
        count: 1,
      },
      signal,
    });
  }

  /** Moves lastTimestamp on and sets the count, unless undefined. Returns the count that the server then has. */
  async #count(
    { note, isCombined, namespace, name, signal }: PendingEvent,
    count: number | undefined,
  ): Promise<number> {
    const { body } = await this.#transport.request({
      method: 'PATCH',
      path: objectPath(eventResource, { namespace, name }),
      contentType: 'application/merge-patch+json',
      // One that stands for many has the latest message.
      body: { count, lastTimestamp: timestamp(), message: isCombined ? shorten(note.message) : undefined },
      signal,
    });
    const counted = typeof body === 'object' && body !== null && 'count' in body ? body.count : undefined;
    return typeof counted === 'number' ? counted : 1;
  }
}

interface PendingEvent extends CorrelatedEvent {
  readonly namespace: string;
  readonly name: string;
  readonly known: number | undefined;
  readonly signal: AbortSignal | undefined;
}

function hasStatus(error: unknown, status: number): boolean {
  return error instanceof ApiFault && error.status === status;
}

/** `<object>.<hash>`, within the 253 characters of an object name. */
function eventName({ note, isCombined }: CorrelatedEvent, component: string): string {
  const { subject, type, reason, message } = note;
  const identity = [
    component,
    subject.apiVersion,
    subject.kind,
    subject.namespace,
    subject.name,
    subject.uid,
    type,
    reason,
    // Its message changes, and it stays one Event.
    isCombined ? 'combined' : message,
  ];
  const hash = createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 16);
  return `${subject.name.slice(0, 236).replace(/[-.]+$/, '')}.${hash}`;
}

function shorten(message: string): string {
  return message.length > maxMessageLength ? `${message.slice(0, maxMessageLength - 1)}…` : message;
}

/** `metav1.Time` has whole seconds. */
function timestamp(): string {
  return new Date().toISOString().replace(/\.\d+Z$/, 'Z');
}
