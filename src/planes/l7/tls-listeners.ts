import { PersistentMap } from '../../lib/persistent-map.ts';
import type { TlsListener } from '../../compile/plan.ts';
import { tlsListenerKey, tlsListenerValue } from './encode.ts';
import { FILES } from './files.ts';
import type { Rendered, Step } from './step.ts';

/** A line of the map of listeners for TLS. */
export function listenerLine(listener: TlsListener): string {
  return `${tlsListenerKey(listener)} ${tlsListenerValue(listener)}`;
}

/** The steps from some listeners to others: a new one is known before routes lead to its host. */
export function renderListeners(before: PersistentMap<TlsListener>, after: PersistentMap<TlsListener>): Rendered {
  const comes: Step[] = [];
  const goes: Step[] = [];
  PersistentMap.diff(before, after, (_, left, right) => {
    // The key says all that there is to say of one.
    if (left === undefined && right !== undefined)
      comes.push({ kind: 'add-data', map: FILES.listeners, lines: [listenerLine(right)] });
    if (left !== undefined && right === undefined)
      goes.push({ kind: 'delete-data', map: FILES.listeners, key: tlsListenerKey(left) });
  });
  return { comes, leads: [], goes };
}
