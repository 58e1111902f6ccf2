/** A request as far as routing looks at it. */
export interface RoutedRequest {
  readonly scheme: 'http' | 'https';
  readonly method: string;
  /** What stands in Host, perhaps with a port. */
  readonly host: string;
  /** Path and query, as in the request line. */
  readonly target: string;
  /** By lower-case name; what is not here, the request does not have. */
  readonly headers: Readonly<Record<string, string>>;
}

/** The path of a target as it is written, and its query without the question mark; undefined where there is none. */
export function partsOf(target: string): { readonly path: string; readonly query: string | undefined } {
  const [bare = ''] = target.split('#', 1);
  const at = bare.indexOf('?');
  return at < 0 ? { path: bare, query: undefined } : { path: bare.slice(0, at), query: bare.slice(at + 1) };
}

/** A Host without its port and the dot at its end, in lower case. */
export function hostOf(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, '').replace(/\.+$/, '');
}
