import type { IngressStatus } from '../../src/compile/plan.ts';
import { Fault } from '../../src/lib/fault.ts';
import type { Finding } from '../../src/model/finding.ts';
import { keyOf } from '../../src/model/object.ts';
import type { StatusWriter } from '../../src/planes/status/plane.ts';

/** Objects whose status can be written, as an API server keeps them: each write takes a moment, and may be refused. */
export class FakeStatusWriter implements StatusWriter {
  /** Addresses by Ingress. */
  readonly addresses = new Map<string, readonly string[]>();
  readonly #events = new Set<string>();
  /** Every write is refused with this, while there is one. */
  trouble: Fault | undefined;
  /** Writes to these objects are refused. */
  readonly refused = new Set<string>();
  /** Writes to these objects wait until they are taken out of here. */
  readonly held = new Map<string, Promise<void>>();
  writes = 0;
  /** How many writes are under way, and the most there ever were. */
  underWay = 0;
  peak = 0;

  async writeIngress({ ref, addresses }: IngressStatus, signal: AbortSignal): Promise<void> {
    const texts = addresses.map((address) => ('ip' in address ? address.ip : address.hostname));
    await this.#write(keyOf(ref), signal, (key) => this.addresses.set(key, texts));
  }

  async recordFinding(item: Finding, signal: AbortSignal): Promise<void> {
    await this.#write(keyOf(item.object), signal, () => this.#events.add(eventOf(item)));
  }

  hasRecorded(item: Finding): boolean {
    return this.#events.has(eventOf(item));
  }

  async #write(key: string, signal: AbortSignal, act: (key: string) => void): Promise<void> {
    this.writes += 1;
    this.underWay += 1;
    this.peak = Math.max(this.peak, this.underWay);
    try {
      await (this.held.get(key) ?? new Promise((resolve) => setImmediate(resolve)));
      signal.throwIfAborted();
      if (this.trouble !== undefined) throw this.trouble;
      if (this.refused.has(key)) throw new Fault('api-refused', `the API server refuses ${key}`);
      act(key);
    } finally {
      this.underWay -= 1;
    }
  }
}

function eventOf({ code, object, field, message }: Finding): string {
  return `${code} ${keyOf(object)} ${field} ${message}`;
}
