import { isRecord } from '../../src/lib/is-record.ts';
import type { Listing } from '../l4/listing.ts';

/** What `nft -j list` printed (libnftables-json(5)), in the words of {@link Listing}. Throws at what it does not know. */
export function listedSets(json: string): Listing['sets'] {
  const parsed: unknown = JSON.parse(json);
  const objects = recordOf(parsed)['nftables'];
  const sets: Record<string, readonly string[]> = {};
  for (const object of arrayOf(objects)) {
    const set = recordOf(object)['set'] ?? recordOf(object)['map'];
    if (!isRecord(set)) continue;
    const name = [set['family'], set['table'], set['name']].map(wordOf).join(' ');
    sets[name] = arrayOf(set['elem'] ?? [])
      .map(elementOf)
      .sort();
  }
  return sets;
}

function elementOf(element: unknown): string {
  const [left, right] = Array.isArray(element) ? (element as readonly unknown[]) : [element];
  const wrapped = isRecord(left) && isRecord(left['elem']) ? left['elem'] : undefined;
  const key = partsOf(wrapped === undefined ? left : wrapped['val']);
  const comment = wrapped?.['comment'];
  return `${key}${right === undefined ? '' : ` : ${valueOf(right)}`}${comment === undefined ? '' : ` # ${wordOf(comment)}`}`;
}

function valueOf(value: unknown): string {
  if (isRecord(value) && 'drop' in value) return 'drop';
  if (isRecord(value) && 'goto' in value) return `goto ${wordOf(recordOf(value['goto'])['target'])}`;
  return partsOf(value);
}

function partsOf(value: unknown): string {
  const parts = isRecord(value) && 'concat' in value ? arrayOf(value['concat']) : [value];
  return parts.map(partOf).join(' . ');
}

function partOf(part: unknown): string {
  if (!isRecord(part)) return wordOf(part);
  const { addr, len } = recordOf(part['prefix']);
  return `${wordOf(addr)}/${wordOf(len)}`;
}

function wordOf(value: unknown): string {
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw new Error(`not a word: ${JSON.stringify(value)}`);
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> {
  if (isRecord(value)) return value;
  throw new Error(`not an object: ${JSON.stringify(value)}`);
}

function arrayOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value as readonly unknown[];
  throw new Error(`not a list: ${JSON.stringify(value)}`);
}
