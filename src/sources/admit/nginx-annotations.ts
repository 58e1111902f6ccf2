import { shown, type Field } from './field.ts';

/** What the annotations of ingress-nginx begin with, some of which Sluice reads as well. */
export const NGINX_PREFIX = 'nginx.ingress.kubernetes.io/';

/** Annotations by which ingress-nginx keeps somebody out; `*` stands for any end of the name. */
const ACCESS_RESTRICTING = [
  'allowlist-source-range',
  'auth-*',
  'denylist-source-range',
  'enable-modsecurity',
  'enable-owasp-core-rules',
  'global-rate-limit*',
  'limit-*',
  'modsecurity-*',
  'satisfy',
  'whitelist-source-range',
] as const;

/**
 * Tells of annotations that ingress-nginx would heed and Sluice does not, in one Finding: an Ingress that was moved here
 * would otherwise be open to everybody without a word.
 */
export function tellUnsupported(annotations: Field, read: readonly string[]): void {
  const names = annotations.names().filter((name) => name.startsWith(NGINX_PREFIX) && !read.includes(name));
  if (names.length === 0) return;
  const restricting = names.filter((name) =>
    isRestricting(name.slice(NGINX_PREFIX.length), annotations.at(name).text()),
  );
  if (restricting.length === 0) {
    annotations.add('AnnotationUnsupported', `not implemented, without effect: ${list(names)}`);
    return;
  }
  const others = names.filter((name) => !restricting.includes(name));
  const rest = others.length === 0 ? '' : `; also without effect: ${list(others)}`;
  annotations.add(
    'AccessRestrictionIgnored',
    `nobody is kept out: what restricts access is not implemented: ${list(restricting)}${rest}`,
  );
}

function isRestricting(name: string, value: string | undefined): boolean {
  // As ingress-nginx has them switched off.
  if (value === undefined || /^(?:|false|off)$/.test(value)) return false;
  return ACCESS_RESTRICTING.some((known) =>
    known.endsWith('*') ? name.startsWith(known.slice(0, -1)) : name === known,
  );
}

function list(names: readonly string[]): string {
  return names.toSorted().map(shown).join(', ');
}
