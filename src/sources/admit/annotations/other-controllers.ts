import { allowList, protecting, restricting, snippet, unless, type AnnotationFamily } from './row.ts';

/** Those of other controllers by which somebody is kept out there: none is implemented here. */
export const OTHER_CONTROLLERS: readonly AnnotationFamily[] = [
  {
    title: 'HAProxy Ingress, and older controllers',
    prefixes: ['haproxy-ingress.github.io/', 'ingress.kubernetes.io/'],
    isComplete: false,
    rows: [
      restricting('allowlist-source-range', 'Only clients in these ranges.', allowList),
      restricting('whitelist-source-range', 'Only clients in these ranges.', allowList),
      restricting('denylist-source-range', 'No clients in these ranges.'),
      restricting('auth-type', 'Asks for a password.'),
      restricting('auth-secret', 'The Secret with the passwords.'),
      restricting('auth-url', 'Asks another server whether a request is let in.'),
      restricting('auth-tls-secret', 'Only clients with a certificate of this authority.'),
      restricting('oauth', 'Asks an OAuth server whether a request is let in.'),
      restricting('config-backend', 'Configuration of HAProxy as text: never taken over.', snippet),
      protecting('limit-rps', 'Requests of a client per second.'),
      protecting('limit-connections', 'Connections of a client at once.'),
      protecting('waf', 'Inspects requests.'),
    ],
  },
  {
    title: 'HAProxy Kubernetes Ingress Controller',
    prefixes: ['haproxy.org/'],
    isComplete: false,
    rows: [
      restricting('allow-list', 'Only clients in these ranges.', allowList),
      restricting('whitelist', 'Only clients in these ranges.', allowList),
      restricting('deny-list', 'No clients in these ranges.'),
      restricting('blacklist', 'No clients in these ranges.'),
      restricting('auth-type', 'Asks for a password.'),
      restricting('auth-secret', 'The Secret with the passwords.'),
      restricting('client-ca', 'Only clients with a certificate of this authority.'),
      restricting('backend-config-snippet', 'Configuration of HAProxy as text: never taken over.', snippet),
      protecting('rate-limit-*', 'Requests of a client in a time.'),
    ],
  },
  {
    title: 'Traefik',
    prefixes: ['traefik.ingress.kubernetes.io/'],
    isComplete: false,
    rows: [
      restricting('router.middlewares', 'Middlewares, which may ask for a password or let in certain clients only.'),
      restricting('router.tls.options', 'Options of TLS, which may ask for a client certificate.'),
      restricting('auth-*', 'Asks for a password, or another server (Traefik 1).'),
      restricting('whitelist-source-range', 'Only clients in these ranges (Traefik 1).', allowList),
      protecting('rate-limit', 'Requests of a client in a time (Traefik 1).'),
    ],
  },
  {
    title: 'NGINX Ingress Controller of F5',
    prefixes: ['nginx.org/', 'nginx.com/'],
    isComplete: false,
    rows: [
      restricting('basic-auth-secret', 'The Secret with the passwords.'),
      restricting('jwt-key', 'Only requests with a token of this key.'),
      restricting('policies', 'Policies, which may ask for a password or let in certain clients only.'),
      restricting('location-snippets', 'Configuration of nginx as text: never taken over.', snippet),
      restricting('server-snippets', 'Configuration of nginx as text: never taken over.', snippet),
      protecting('limit-req-rate', 'Requests of a client in a time.'),
    ],
  },
  {
    title: 'Kong',
    prefixes: ['konghq.com/'],
    isComplete: false,
    rows: [restricting('plugins', 'Plugins, which may ask for a key or let in certain clients only.')],
  },
  {
    title: 'OpenShift',
    prefixes: ['haproxy.router.openshift.io/'],
    isComplete: false,
    rows: [
      restricting('ip_allowlist', 'Only clients in these ranges.'),
      restricting('ip_whitelist', 'Only clients in these ranges.'),
      protecting('rate-limit-connections', 'Connections of a client.'),
    ],
  },
  {
    title: 'AWS Load Balancer Controller',
    prefixes: ['alb.ingress.kubernetes.io/'],
    isComplete: false,
    rows: [
      restricting('auth-type', 'Asks an identity provider.', unless('restriction', /^(?:|none)$/)),
      restricting('inbound-cidrs', 'Only clients in these ranges.', allowList),
      restricting('security-groups', 'Only clients that these groups let in.'),
      restricting('mutual-authentication', 'Only clients with a certificate.'),
      protecting('wafv2-acl-arn', 'Inspects requests.'),
      protecting('waf-acl-id', 'Inspects requests.'),
    ],
  },
  {
    title: 'Application Gateway Ingress Controller of Azure',
    prefixes: ['appgw.ingress.kubernetes.io/'],
    isComplete: false,
    rows: [
      restricting('appgw-ssl-profile', 'A profile of TLS, which may ask for a client certificate.'),
      protecting('waf-policy-for-path', 'Inspects requests.'),
    ],
  },
];
