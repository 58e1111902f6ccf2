import { isWildcard, type Hostname } from '../../model/grammar.ts';

/**
 * The hosts that a route serves through a listener: what both name (HTTPRoute.spec.hostnames). Undefined stands for every host; an empty
 * list means that the two have nothing in common.
 *
 * `*.example.com` stands for any number of labels before the dot, unlike in an Ingress, and not for `example.com` itself.
 */
export function intersection(
  listener: Hostname | undefined,
  route: readonly Hostname[],
): readonly (Hostname | undefined)[] {
  if (route.length === 0) return [listener];
  if (listener === undefined) return route;
  const common = route.flatMap((host) => narrower(host, listener) ?? []);
  return [...new Set(common)];
}

/** The more specific of two hosts, one of which covers the other; undefined where none does. */
function narrower(a: Hostname, b: Hostname): Hostname | undefined {
  if (covers(b, a)) return a;
  return covers(a, b) ? b : undefined;
}

/** Whether every host that `inner` stands for is one that `outer` stands for. */
export function covers(outer: Hostname, inner: Hostname): boolean {
  if (outer === inner) return true;
  return isWildcard(outer) && inner.endsWith(outer.slice(1));
}
