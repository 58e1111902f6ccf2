import type { HeaderName } from '../header.ts';

/** Sends requests that are alike in something to one endpoint, which stays the same as long as it is there. */
export interface HashBy {
  readonly type: 'HashBy';
  /** `uri`: path and query, as the client has sent them. Requests without the header take turns. */
  readonly key: 'client-address' | 'host' | 'uri' | { readonly header: HeaderName };
}
