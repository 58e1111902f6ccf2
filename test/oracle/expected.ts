/** The cases that are answered as ingress-nginx answers them. It only grows; `make oracle` names those that are new. */
export const EQUAL_CASES: ReadonlySet<string> = new Set([
  // affinity
  'affinity-06',
  'affinity-07',
  'affinity-08',
  'r064',
  'r066',
  // auth-basic
  'auth-basic-01',
  'auth-basic-02',
  'r043',
  'r045',
  'r046',
  // block
  'r092',
  // auth-external
  'auth-external-06',
  'r048',
  'r049',
  'r051',
  // blocks-all
  'blocks-all-03',
  'blocks-all-07',
  'blocks-all-13',
  'blocks-all-18',
  'blocks-all-19',
  'blocks-all-22',
  'blocks-all-24',
  'blocks-all-26',
  // body
  'r072',
  // canary
  'canary-01',
  'canary-02',
  'canary-03',
  'canary-04',
  'canary-06',
  'canary-10',
  'canary-11',
  'canary-12',
  'canary-14',
  'r060',
  'r060c',
  'r061',
  'r062',
  'r063',
  'r063b',
  // class
  'class-05',
  'r015c',
  // combo
  'combo-02',
  'combo-06',
  // compression
  'r091c',
  // configmap
  'configmap-01',
  'configmap-02',
  'configmap-05',
  'configmap-06',
  'configmap-08',
  'configmap-09',
  'configmap-21',
  'configmap-22',
  'configmap-30',
  // conflict
  'conflict-01',
  'r093',
  'r093b',
  // cors
  'r056',
  // errors
  'errors-07',
  // headers
  'headers-02',
  'headers-03',
  'headers-05',
  'headers-06',
  'headers-08',
  'headers-13',
  'headers-14',
  // host
  'host-04',
  'r009b',
  'r042',
  // ipacl
  'ipacl-01',
  'ipacl-02',
  'ipacl-03',
  'r068',
  // lb
  'lb-04',
  // limits
  'limits-01',
  'limits-03',
  'limits-04',
  'limits-07',
  'r071',
  // logging
  'logging-02',
  'logging-03',
  'logging-05',
  // passthrough
  'r090b',
  // path
  'path-01',
  'path-04',
  'path-05',
  'path-06',
  'path-07',
  'path-08',
  'path-10',
  'r002',
  'r003',
  'r006',
  'r007',
  // protocol
  'protocol-06',
  'r077',
  // redirect
  'r032',
  'r034',
  'r034b',
  'r041',
  'redirect-02',
  'redirect-07',
  'redirect-09',
  'redirect-10',
  'redirect-11',
  // regex
  'r020',
  'regex-02',
  'regex-03',
  'regex-05',
  'regex-07',
  'regex-08',
  // retries
  'r074',
  // rewrite
  'r024',
  'r025',
  'r027',
  'r028',
  'r029',
  'rewrite-03',
  'rewrite-05',
  'rewrite-07',
  'rewrite-08',
  'rewrite-09',
  'rewrite-10',
  'rewrite-13',
  'rewrite-14',
  'rewrite-17',
  'rewrite-19',
  // timeouts
  'r073',
  'timeouts-02',
  'timeouts-05',
  // tls
  'r085',
  'tls-01',
  'tls-04',
  'tls-06',
  'tls-07',
  'tls-09',
  // tls-redirect
  'r036',
  'r038',
  'r039',
  'tls-redirect-01',
  'tls-redirect-02',
  'tls-redirect-03',
  'tls-redirect-05',
  'tls-redirect-07',
  // validation
  'r022',
  'r022b',
  'r094b',
  'r094c',
  'r094h',
  'r094k',
  'r094n',
  'r094q',
  'r094r',
  'r095b',
  'r095d',
  'r095e',
  'r095h',
  'r095i',
  'r095k',
  'r095m',
  'r095n',
  'r095r',
]);

/**
 * Requests that ingress-nginx refuses and that are served, as `case#request`, with what is missing or why it is meant. It only shrinks.
 */
export const OPEN_REQUESTS: ReadonlyMap<string, string> = new Map([
  ['tls-08#1', 'ssl-ciphers is not implemented'],
  ['r080#8', 'an empty X-Forwarded-Host is no host'],
  ['r052#3', 'ingress-nginx repeats a refusal that is up to five minutes old; the server lets this request in'],
  ['auth-tls-01#1', 'auth-tls-secret closes the paths of its own Ingress, not those of others on the host'],
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
