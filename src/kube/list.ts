import { Fault } from '../lib/fault.ts';
import { isRecord } from '../lib/is-record.ts';
import { ApiFault } from './api-fault.ts';
import { decodeObject, malformedAnswer, type RawObject } from './raw-object.ts';
import { collectionPath, type Selection } from './resource.ts';
import type { Transport } from './transport.ts';

/** Everything that a selection held at one moment. */
export interface Listing<T> {
  readonly objects: readonly T[];
  /** How many objects the server counted, also those of which nothing was kept. */
  readonly total: number;
  /** The moment, in the server's counting: a watch from here on misses nothing. */
  readonly resourceVersion: string;
}

/** What to keep of an object: the part that is of use, or undefined when none is. */
export type Project<T> = (object: RawObject) => T | undefined;

/**
 * Big enough that 10,000 objects are 20 requests, small enough that parsing a page does not stop
 * everything else for longer than some ten milliseconds. kubectl uses the same.
 */
const pageSize = 500;

/** A page of 500 large objects from a busy server takes longer than an ordinary request. */
const pageTimeoutMs = 60_000;

/**
 * Lists a selection page by page, all pages as of the same moment. Only what `project` keeps
 * outlives its page.
 *
 * When the server forgets that moment half-way (410: etcd was compacted, by default every five
 * minutes), it is listed again in one piece, as client-go's pager does.
 *
 * @throws ApiFault, Fault as {@link Transport}; Fault `kube-malformed-answer`
 */
export async function list<T>(
  transport: Transport,
  selection: Selection,
  project: Project<T>,
  signal?: AbortSignal,
): Promise<Listing<T>> {
  try {
    return await listPages(transport, selection, project, pageSize, signal);
  } catch (error) {
    if (!(error instanceof ApiFault) || error.status !== 410) throw error;
    return listPages(transport, selection, project, undefined, signal);
  }
}

/**
 * The server's present resource version, at the price of listing a single object.
 *
 * @throws as {@link list}
 */
export async function presentVersion(transport: Transport, selection: Selection, signal: AbortSignal): Promise<string> {
  const { resource, namespace, fieldSelector, labelSelector } = selection;
  const path = collectionPath(resource, namespace);
  // With its selectors: who may read one Secret may list no other, and is sent none.
  const { body } = await transport.request({
    method: 'GET',
    path,
    query: { fieldSelector, labelSelector, limit: 1 },
    signal,
  });
  return decodePage(body, resource.plural).resourceVersion;
}

async function listPages<T>(
  transport: Transport,
  selection: Selection,
  project: Project<T>,
  limit: number | undefined,
  signal: AbortSignal | undefined,
): Promise<Listing<T>> {
  const { resource, namespace, fieldSelector, labelSelector } = selection;
  const objects: T[] = [];
  let total = 0;
  let token: string | undefined;
  for (;;) {
    const { body } = await transport.request({
      method: 'GET',
      path: collectionPath(resource, namespace),
      query: { fieldSelector, labelSelector, limit, continue: token },
      timeoutMs: pageTimeoutMs,
      signal,
    });
    const page = decodePage(body, resource.plural);
    for (const item of page.items) {
      const kept = project(decodeObject(item, resource));
      if (kept !== undefined) objects.push(kept);
    }
    total += page.items.length;
    token = page.token;
    if (token === undefined) return { objects, total, resourceVersion: page.resourceVersion };
  }
}

interface Page {
  readonly items: readonly unknown[];
  readonly resourceVersion: string;
  readonly token: string | undefined;
}

function decodePage(body: unknown, plural: string): Page {
  const { metadata, items } = isRecord(body) ? body : {};
  const { resourceVersion, continue: token } = isRecord(metadata) ? metadata : {};
  // An empty list of a Go server may be written as null; a missing resourceVersion is no list at all.
  const isList =
    (Array.isArray(items) || items === null) && typeof resourceVersion === 'string' && resourceVersion !== '';
  if (!isList) {
    throw new Fault(malformedAnswer, `the API server sent something else than a list of ${plural}`);
  }
  return { items: items ?? [], resourceVersion, token: typeof token === 'string' && token !== '' ? token : undefined };
}
