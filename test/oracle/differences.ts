/** What Sluice means to do otherwise than ingress-nginx, and why. */
export interface IntendedDifference {
  readonly cases: readonly string[];
  /** For users: what differs. */
  readonly what: string;
  readonly why: string;
}

/** The reference page of intended differences is made from this list. */
export const INTENDED_DIFFERENCES: readonly IntendedDifference[] = [
  {
    cases: ['r079', 'r080', 'r080b', 'r080f'],
    what: 'Headers by which a client says who it is, such as `ssl-client-verify`, `X-Original-URL`, `Forwarded` or `X-Forwarded-Prefix`, do not reach the backend. ingress-nginx passes them on where it does not set them itself.',
    why: 'A backend that believes them lets everybody in who knows their names.',
  },
  {
    cases: ['r065', 'affinity-02', 'affinity-03'],
    what: 'Settings of the cookie of `affinity` are those of the Ingress that asks for it. At ingress-nginx those of one Ingress count for all that use the same Service, and clients with a cookie stay at their endpoint at those without the annotation, too.',
    why: 'Which of several Ingresses counts there is left to chance.',
  },
  {
    cases: ['r061b'],
    what: 'A canary has the weight that stands in it. At ingress-nginx, canaries with the same Service share the weight of one of them.',
    why: 'Which of them it is, is left to chance.',
  },
  {
    cases: ['configmap-15'],
    what: 'A `global-auth-url` that is no URL closes every Ingress. ingress-nginx passes over it, and lets everybody in.',
    why: 'Whoever wrote it meant to keep somebody out.',
  },
  {
    cases: ['r096'],
    what: 'Of a request with both Content-Length and Transfer-Encoding, with folded headers or with a header of 10 KB, HAProxy makes one that is not ambiguous, and forwards that. nginx answers 400.',
    why: 'Both are safe: what the backend reads is what was decided upon (RFC 9112, section 6.3).',
  },
  {
    cases: ['path-12'],
    what: 'CONNECT and TRACE are answered 405, and so are `#` and other characters in a request line that no URL may have answered 400.',
    why: 'They are not for a gateway; what a backend makes of them is not known.',
  },
  {
    cases: ['r008'],
    what: 'A wildcard host covers every single label, also one with characters that ingress-nginx does not look for.',
    why: 'It is what the Ingress API says.',
  },
  {
    cases: ['path-03', 'r011'],
    what: '`spec.defaultBackend` of an Ingress with rules serves every host that no other Ingress names. At ingress-nginx it serves the paths that its own rules leave open.',
    why: 'It is what the Ingress API says. The hosts of its rules are served alike.',
  },
  {
    cases: ['r014', 'r015', 'r100'],
    what: 'Without an API server there is no status to read.',
    why: 'The cases are replayed without a cluster; the status of Ingresses has tests of its own.',
  },
  {
    cases: ['auth-basic-07'],
    what: '`auth-type: digest` makes the paths answer 503. ingress-nginx asks by digest authentication.',
    why: 'What its Secret holds is as good as the password, and it is MD5. The Finding says what to use instead.',
  },
  {
    cases: ['auth-basic-04', 'auth-basic-08'],
    what: '`auth-realm: "off"` is a realm as any other. ingress-nginx lets everybody in.',
    why: 'Whoever writes `auth-type: basic` means somebody to be kept out.',
  },
  {
    cases: ['r052'],
    what: 'The server of `auth-url` is asked about every request; `auth-cache-key` and `auth-cache-duration` are without effect. ingress-nginx goes by answers that are up to five minutes old, refusals too.',
    why: 'Who is not to come any more is refused at once, and who may come again is let in.',
  },
];
