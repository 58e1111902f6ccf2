/** The cases that are answered as ingress-nginx answers them. It only grows; `make oracle` names those that are new. */
export const EQUAL_CASES: ReadonlySet<string> = new Set([
  // auth-basic
  'r043',
  // blocks-all
  'blocks-all-03',
  'blocks-all-07',
  'blocks-all-13',
  'blocks-all-18',
  'blocks-all-19',
  'blocks-all-22',
  // canary
  'canary-10',
  // cases
  // class
  'class-05',
  'r015c',
  // combo
  'combo-06',
  // compression
  'r091c',
  // configmap
  'configmap-02',
  'configmap-05',
  'configmap-15',
  // conflict
  'r093',
  'r093b',
  // headers
  'headers-08',
  // host
  'host-04',
  'r009b',
  // lb
  'lb-04',
  // limits
  'limits-04',
  'limits-07',
  // logging
  'logging-02',
  'logging-03',
  'logging-05',
  // passthrough
  'r090b',
  // path
  'path-01',
  'path-05',
  'path-06',
  'path-07',
  'path-08',
  'path-10',
  'r006',
  'r007',
  // protocol
  'r077',
  // regex
  'r020',
  'regex-02',
  'regex-05',
  'regex-08',
  // retries
  'r074',
  // rewrite
  'rewrite-03',
  // tls
  'tls-01',
  'tls-06',
  'tls-07',
  // tls-redirect
  'r036',
  'r038',
  'r039',
  'tls-redirect-05',
  // validation
  'r022',
  'r022b',
  'r094b',
  'r094c',
  'r094h',
  'r094k',
  'r094n',
  'r094r',
  'r095b',
  'r095d',
  'r095e',
  'r095i',
  'r095m',
  'r095n',
  'r095r',
]);

/**
 * Requests that ingress-nginx refuses and that are served, as `case#request`, with what is missing or why it is meant. It only shrinks.
 */
export const OPEN_REQUESTS: ReadonlyMap<string, string> = new Map([
  ...['r054#0', 'r054#5', 'configmap-14#2'].map((id) => [id, 'global-auth-url of the ConfigMap is not read'] as const),
  ...[1, 2, 3, 5, 6, 7].map((index) => [`r092#${String(index)}`, 'block lists of the ConfigMap are not read'] as const),
  ['ipacl-01#0', 'whitelist-source-range of the ConfigMap is not read'],
  ['ipacl-02#1', 'denylist-source-range of the ConfigMap is not read'],
  ['configmap-22#0', 'ssl-ciphers of the ConfigMap is not read'],
  ['tls-04#0', 'ssl-protocols of the ConfigMap is not read'],
  ['tls-08#1', 'ssl-ciphers is not implemented'],
  ['r080#8', 'use-forwarded-headers of the ConfigMap is not read'],
  ['auth-tls-01#1', 'auth-tls-secret closes the paths of its own Ingress, not those of others on the host'],
  ['rewrite-01#0', 'rewrite-target is not implemented'],
  ...[1, 5, 19, 22, 25].map(
    (index) => [`r096#${String(index)}`, 'HAProxy makes an unambiguous request of it'] as const,
  ),
]);

/** Cases that take seconds, because they wait for time limits. `make oracle` has them, the suite does not. */
export const SLOW_CASES: ReadonlySet<string> = new Set([
  'auth-external-10',
  'canary-12',
  'configmap-08',
  'configmap-09',
  'errors-07',
  'mirror-02',
  'protocol-05',
  'r061b',
  'r066',
  'r073',
  'r076b',
  'r087',
  'r100',
  'timeouts-02',
  'timeouts-04',
  'timeouts-05',
]);
