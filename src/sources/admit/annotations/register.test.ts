import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import type { Ingress } from '../../../model/ingress.ts';
import { admitObject } from '../admit.ts';
import { ANNOTATION_FAMILIES } from './register.ts';

const NGINX = 'nginx.ingress.kubernetes.io';

interface Admitted {
  readonly isClosed: boolean;
  /** `Reason field` of each Finding. */
  readonly reported: readonly string[];
  readonly messages: string;
}

/** Admits an Ingress with annotations in flow YAML, in which `P/` is the prefix of ingress-nginx. */
function admit(annotations: string, rest = ''): Admitted {
  const text = `{ apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: { name: a, annotations: { ${annotations} } } ${rest} }`;
  const admission = admitObject(parse(text.replaceAll('P/', `${NGINX}/`)));
  // The table of the change says what its value is.
  const ingress = admission?.change?.value as Ingress;
  const findings = admission?.findings ?? [];
  return {
    isClosed: ingress.policy.isClosed ?? false,
    reported: findings.map(({ reason, field }) => `${reason} ${field.replaceAll(`${NGINX}/`, 'P/')}`),
    messages: findings.map(({ message }) => message.replaceAll(`${NGINX}/`, 'P/')).join('\n'),
  };
}

const OPEN: Admitted = { isClosed: false, reported: [], messages: '' };

describe('annotations', () => {
  it.each([
    'P/auth-proxy-set-headers: h',
    'P/auth-type: digest',
    'P/auth-tls-secret: s',
    'P/auth-tls-verify-client: "on"',
    'P/auth-tls-match-cn: CN=a',
    'P/configuration-snippet: "deny all;"',
    'P/server-snippet: "location /x { return 403; }"',
    // Typing mistakes in the name of a restriction.
    'P/whitelist-source-ranges: 10.0.0.0/8',
    'P/Auth-Url: "http://a.test"',
    // Other controllers.
    'ingress.kubernetes.io/whitelist-source-range: 10.0.0.0/8',
    'ingress.kubernetes.io/auth-type: basic',
    'haproxy-ingress.github.io/auth-secret: s',
    'haproxy.org/allow-list: 10.0.0.0/8',
    'haproxy.org/whitelist: 10.0.0.0/8',
    'haproxy.org/deny-list: 10.0.0.0/8',
    'haproxy.org/auth-type: basic-auth',
    'haproxy.org/backend-config-snippet: "http-request deny if TRUE"',
    'traefik.ingress.kubernetes.io/router.middlewares: default-auth@kubernetescrd',
    'traefik.ingress.kubernetes.io/router.tls.options: default-mtls@kubernetescrd',
    'nginx.org/basic-auth-secret: s',
    'nginx.com/jwt-key: k',
    'nginx.org/policies: p',
    'konghq.com/plugins: key-auth',
    'alb.ingress.kubernetes.io/auth-type: oidc',
    'alb.ingress.kubernetes.io/inbound-cidrs: 10.0.0.0/8',
    'haproxy.router.openshift.io/ip_whitelist: 10.0.0.1',
  ])('close an Ingress that restricts access by %s', (annotation) => {
    const { isClosed, reported, messages } = admit(annotation);
    const name = /^[^:]+/.exec(annotation)?.[0] ?? '';
    expect(isClosed).toBe(true);
    expect(reported).toContain(`AccessRestrictionUnsupported metadata.annotations["${name}"]`);
    expect(messages).toContain(`every path answers 503: "${name}"`);
  });

  it.each([
    'P/use-regex: "true", P/ssl-redirect: "false"',
    'P/auth-type: ""',
    'P/auth-tls-verify-client: "off"',
    'P/enable-modsecurity: "false"',
    'P/force-ssl-redirect: "false"',
    'P/backend-protocol: HTTP',
    'P/proxy-body-size: "0"',
    'P/proxy-buffering: "off"',
    'P/upstream-max-fails: "3"',
    'P/configuration-snippet: ""',
    'alb.ingress.kubernetes.io/auth-type: none',
    // Of other controllers, what keeps nobody out.
    'traefik.ingress.kubernetes.io/router.entrypoints: web, haproxy.org/load-balance: leastconn',
    'other.test/auth-url: x, nginx.ingress.kubernetes.iox/auth-url: x, cert-manager.io/cluster-issuer: le',
    // What cert-manager writes on the Ingress of every renewal.
    'P/whitelist-source-range: "0.0.0.0/0,::/0"',
    'P/allowlist-source-range: "0.0.0.0/0"',
    'haproxy.org/allow-list: " 0.0.0.0/0 , ::/0 "',
  ])('say nothing of %s', (annotations) => {
    expect(admit(annotations)).toEqual(OPEN);
  });

  it.each([
    ['P/global-rate-limit: "5"', 'AccessRestrictionIgnored', 'nothing is held back: "P/global-rate-limit"'],
    ['P/enable-modsecurity: "true"', 'AccessRestrictionIgnored', '"P/enable-modsecurity"'],
    ['P/global-rate-limit-window: 1m', 'AccessRestrictionIgnored', '"P/global-rate-limit-window"'],
    ['haproxy.org/rate-limit-requests: "5"', 'AccessRestrictionIgnored', '"haproxy.org/rate-limit-requests"'],
    ['P/mirror-target: /', 'AnnotationUnsupported', 'without effect: "P/mirror-target"'],
    ['P/backend-protocol: HTTPS', 'AnnotationUnsupported', '"P/backend-protocol"'],
    ['P/configuration-snippet: "gzip on;"', 'AnnotationUnsupported', '"P/configuration-snippet"'],
    ['P/enable-access-log: "false"', 'AnnotationUnsupported', '"P/enable-access-log"'],
    ['P/use_regex: "true"', 'AnnotationUnsupported', '"P/use_regex" (did you mean "P/use-regex"?)'],
    ['P/nonsense-of-mine: x', 'AnnotationUnsupported', '(there is no such annotation)'],
  ])('report %s, and serve', (annotation, reason, message) => {
    const { isClosed, reported, messages } = admit(annotation);
    const name = /^[^:]+/.exec(annotation)?.[0] ?? '';
    expect([isClosed, reported]).toEqual([false, [`${reason} metadata.annotations["${name}"]`]]);
    expect(messages).toContain(message);
  });

  it('are reported by what is lost with them, in one Finding each', () => {
    const { reported, messages } = admit(
      'P/auth-tls-secret: s, P/mirror-target: /, P/auth-proxy-set-headers: h, P/stream-snippet: x, P/global-rate-limit: "1"',
    );
    expect(reported).toEqual([
      'AccessRestrictionUnsupported metadata.annotations',
      'AccessRestrictionIgnored metadata.annotations["P/global-rate-limit"]',
      'AnnotationUnsupported metadata.annotations',
    ]);
    expect(messages).toContain('503: "P/auth-proxy-set-headers", "P/auth-tls-secret"\n');
    expect(messages).toContain('without effect: "P/mirror-target", "P/stream-snippet"');
  });

  it.each([
    'P/whitelist-source-range: ""',
    'P/whitelist-source-range: junk',
    'P/allowlist-source-range: "10.0.0.0/8, 10.0.0.0/40"',
    'P/allowlist-source-range: 5',
    'P/denylist-source-range: junk',
    'P/denylist-source-range: 5',
    'P/auth-type: 5',
    'P/auth-secret: a/b/c',
    'P/auth-url: "http://a b"',
    'P/auth-url: "ftp://a.test"',
    'P/auth-url: "http://$host/x"',
    'P/auth-url: "http://a.test/x?$remote_user"',
    'P/auth-url: 5',
    'P/auth-method: get',
    'P/auth-response-headers: X One',
    'P/auth-response-headers: Content-Length',
    'P/rewrite-target: "/$host"',
    'P/rewrite-target: new',
  ])('close an Ingress with %s, which cannot be read', (annotation) => {
    const { isClosed, messages } = admit(annotation);
    expect(isClosed).toBe(true);
    expect(messages).toContain('the paths answer 503');
  });

  it('have one row each', () => {
    const names = ANNOTATION_FAMILIES.flatMap(({ prefixes, rows }) =>
      prefixes.flatMap((prefix) => rows.map(({ name }) => `${prefix}${name}`)),
    );
    expect(new Set(names).size).toBe(names.length);
    for (const { rows } of ANNOTATION_FAMILIES) for (const { text } of rows) expect(text).toMatch(/^[A-Z`].*\.$/);
  });
});
