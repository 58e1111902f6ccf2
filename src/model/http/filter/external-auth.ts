import type { EndpointConnection } from '../endpoint-connection.ts';
import type { BackendRef } from '../backend-ref.ts';
import type { HeaderName } from '../header.ts';
import type { HostHeader } from './url-rewrite.ts';

declare const brand: unique symbol;

/**
 * A URL, or its end, in which `$name` stands for what a request has: characters that a URL may have, and no variable but those of
 * {@link TEMPLATE_VARIABLES}. What is put in their place is percent-encoded where it has others.
 */
export type UrlTemplate = string & { readonly [brand]: 'UrlTemplate' };

/** As nginx names them. */
export const TEMPLATE_VARIABLES = [
  'host',
  'http_host',
  'best_http_host',
  'scheme',
  'pass_access_scheme',
  'request_uri',
  'escaped_request_uri',
] as const;

/** `text` as a UrlTemplate, or undefined. */
export function urlTemplateOf(text: string): UrlTemplate | undefined {
  if (text.length > 2048 || !/^[A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]+$/.test(text)) return undefined;
  const names = [...text.matchAll(/\$(\w*)/g)].map(([, name]) => name ?? '');
  const known: readonly string[] = TEMPLATE_VARIABLES;
  // The brand is given here, where the grammar has just been checked.
  return names.every((name) => known.includes(name)) ? (text as UrlTemplate) : undefined;
}

/** The methods that another server is asked by. */
export const AUTH_METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const;

/**
 * Has another server say whether a request is let in, before it goes on (nginx's `auth_request`): by a status of 2xx. At 401 and 403 the
 * client is refused so; whatever else comes of it, 500.
 */
export interface ExternalAuth {
  readonly type: 'ExternalAuth';
  readonly server: BackendRef;
  readonly connection: EndpointConnection;
  /** What compile knows the server by; empty before. */
  readonly backend: string;
  readonly method: (typeof AUTH_METHODS)[number];
  readonly host: HostHeader;
  /** Path and query. */
  readonly path: UrlTemplate;
  /** Headers of the answer that the backend of the route is given. Those of clients never reach it. */
  readonly responseHeaders: readonly HeaderName[];
  /** Where clients are sent at 401. */
  readonly signIn: UrlTemplate | undefined;
  /** What the server is told of where to go back to; undefined: the path and query of the request. */
  readonly requestRedirect: UrlTemplate | undefined;
  /** Whether cookies of the answer are given to the client whatever the status. */
  readonly alwaysSetsCookie: boolean;
}
