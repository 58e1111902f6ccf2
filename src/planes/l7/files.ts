/** Names of files inside a checkpoint; on the runtime CLI they name the same maps and lists. */
export const FILES = {
  /** What `renderSkeleton` gives. */
  skeleton: 'haproxy.cfg',
  backends: 'backends.cfg',
  routes: 'routes.map',
  /** Routes of entrances. */
  entrances: 'entrances.map',
  regexes: 'regexes.map',
  certificates: 'crt-list.txt',
  selfSigned: 'certs/self-signed.pem',
} as const;
