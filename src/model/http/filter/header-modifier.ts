import type { HeaderField, HeaderName } from '../header.ts';

/** What is done to the headers of a message (HTTPHeaderFilter): first `remove`, then `set`, then `add`. Every name is editable (`isEditable`). */
interface HeaderChanges {
  readonly set: readonly HeaderField[];
  /** Beside those of the same name that are there. */
  readonly add: readonly HeaderField[];
  readonly remove: readonly HeaderName[];
}

/** Of the request, before it reaches the backend. */
export interface RequestHeaderModifier extends HeaderChanges {
  readonly type: 'RequestHeaderModifier';
}

/** Of the response, before it reaches the client. */
export interface ResponseHeaderModifier extends HeaderChanges {
  readonly type: 'ResponseHeaderModifier';
}
