import { PersistentMap } from '../../lib/persistent-map.ts';
import type { Finding } from '../../model/finding.ts';
import { nameOf } from '../../model/object.ts';
import type { EventWish } from './events.ts';

/** The Events that the Findings of a plan ask for: one for each Finding, however many producers report it. */
export class FindingEvents {
  #findings = PersistentMap.empty<readonly Finding[]>();
  /** How many producers report a Finding, by identity: the hosts of one TLS entry may all say the same. */
  readonly #counts = new Map<string, number>();
  #wishes = PersistentMap.empty<EventWish>();

  /** By an identity of the Finding; one that stays is the same object. */
  of(findings: PersistentMap<readonly Finding[]>): PersistentMap<EventWish> {
    PersistentMap.diff(this.#findings, findings, (_, before = [], after = []) => {
      for (const finding of after) this.#count(finding, 1);
      for (const finding of before) this.#count(finding, -1);
    });
    this.#findings = findings;
    return this.#wishes;
  }

  #count(finding: Finding, step: 1 | -1): void {
    const identity = identityOf(finding);
    const count = (this.#counts.get(identity) ?? 0) + step;
    if (count === 0) {
      this.#counts.delete(identity);
      this.#wishes = this.#wishes.delete(identity);
      return;
    }
    this.#counts.set(identity, count);
    if (!this.#wishes.has(identity)) this.#wishes = this.#wishes.set(identity, wishOf(finding));
  }
}

function identityOf({ object, code, field, message }: Finding): string {
  return [nameOf(object), code, field, message].join(' ');
}

function wishOf({ object, reason, field, message, remedy, code }: Finding): EventWish {
  const place = field === '' ? '' : `${field}: `;
  return { object, type: 'Warning', reason, message: `${place}${message}. ${remedy} (${code})` };
}
