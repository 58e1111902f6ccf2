import type { Step } from './step.ts';

/** What HAProxy made of a step. */
export type Outcome =
  | { readonly kind: 'done' }
  /** The number of the version of a map that may be filled now. */
  | { readonly kind: 'prepared'; readonly version: string }
  /** What was to be deleted is not there. */
  | { readonly kind: 'absent' }
  /** Everything else; also where the process is not as we think. */
  | { readonly kind: 'refused'; readonly reason: string };

const PREPARED = /^New version created: (\d+)$/;
const NOTHING = /^$/;

/**
 * What HAProxy 3.4 answers to a step that it has carried out. Before `Backend deleted.` it may repeat what it has said of the servers of
 * that backend, and of others, since; where that fills its buffer, `Backend deleted.` is missing (seen in 3.4.7).
 */
const DONE: Readonly<Record<Exclude<Step['kind'], 'prepare-map'>, RegExp>> = {
  'add-backend': /^New backend registered\.$/,
  'publish-backend': /^Backend published\.$/,
  'unpublish-backend': /^Backend unpublished\.$/,
  'delete-backend': /(?:^|\n)Backend deleted\.$/,
  'add-server': /^New server registered\.$/,
  'enable-server': NOTHING,
  'disable-server': NOTHING,
  'delete-server': /^Server deleted\.$/,
  'weigh-server': NOTHING,
  'add-routes': NOTHING,
  'set-route': NOTHING,
  'delete-route': NOTHING,
  'add-data': NOTHING,
  'delete-data': NOTHING,
  'fill-map': NOTHING,
  'commit-map': NOTHING,
  'new-authorities': /^New CA file created '[^']*'!$/,
  'set-authorities': /^[Tt]ransaction (?:created|updated) for CA [^\n]*!$/,
  'commit-authorities': /^Committing [^\n]*\.*\n?Success!$/,
  'delete-authorities': /^CA file '[^']*' deleted!$/,
  'new-certificate': /^New empty certificate store '[^']*'!$/,
  'set-certificate': /^Transaction (?:created|updated) for certificate [^\n]*!$/,
  'commit-certificate': /^Committing [^\n]*\.*\n?Success!$/,
  'delete-certificate': /^Certificate [^\n]* deleted!$/,
  'list-certificate': /^Inserting certificate [^\n]*\.*\n?Success!$/,
  'unlist-certificate': /^Entry [^\n]* deleted in crtlist [^\n]*!$/,
};

/** The one place that reads HAProxy's answers. Only the answer that belongs to a step counts as success. */
export function outcomeOf({ kind }: Step, reply: string): Outcome {
  if (kind === 'prepare-map') {
    const version = PREPARED.exec(reply)?.[1];
    if (version !== undefined) return { kind: 'prepared', version };
  } else if (DONE[kind].test(reply)) return { kind: 'done' };
  else if ((kind === 'delete-server' || kind === 'delete-backend') && /No such|not found/i.test(reply))
    return { kind: 'absent' };
  return { kind: 'refused', reason: reply.split('\n', 1)[0] ?? '' };
}
