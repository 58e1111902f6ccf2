import { Fault } from '../lib/fault.ts';
import { isRecord } from '../lib/is-record.ts';
import { ApiFault, decodeStatus } from './api-fault.ts';
import { decodeObject, malformedAnswer, type RawObject } from './raw-object.ts';
import type { Resource } from './resource.ts';

/** One line of a watch. */
export type WatchEvent =
  | { readonly type: 'upserted'; readonly object: RawObject; readonly isNew: boolean }
  | { readonly type: 'removed'; readonly object: RawObject }
  /** Nothing happened, up to and including this resource version (KEP-956). */
  | { readonly type: 'bookmark'; readonly resourceVersion: string; readonly isInitialEventsEnd: boolean }
  | { readonly type: 'error'; readonly fault: ApiFault };

/**
 * Decodes one line of a watch of `resource`.
 *
 * @throws Fault `kube-malformed-answer` for anything that the Kubernetes API does not send
 */
export function decodeWatchEvent(value: unknown, resource: Resource): WatchEvent {
  const { type, object } = isRecord(value) ? value : {};
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
      return { type: 'upserted', object: decodeObject(object, resource), isNew: type === 'ADDED' };
    case 'DELETED':
      return { type: 'removed', object: decodeObject(object, resource) };
    case 'BOOKMARK':
      return decodeBookmark(object, resource);
    case 'ERROR':
      return { type: 'error', fault: new ApiFault(`watch of ${resource.plural}`, decodeStatus(undefined, object)) };
    default:
      throw new Fault(malformedAnswer, `the API server sent an event of unknown type in a watch of ${resource.plural}`);
  }
}

function decodeBookmark(object: unknown, resource: Resource): WatchEvent {
  const metadata = isRecord(object) && isRecord(object['metadata']) ? object['metadata'] : {};
  const annotations = isRecord(metadata['annotations']) ? metadata['annotations'] : {};
  const resourceVersion = metadata['resourceVersion'];
  if (typeof resourceVersion !== 'string' || resourceVersion === '') {
    throw new Fault(malformedAnswer, `the API server sent a bookmark without a resourceVersion for ${resource.plural}`);
  }
  return { type: 'bookmark', resourceVersion, isInitialEventsEnd: annotations['k8s.io/initial-events-end'] === 'true' };
}
