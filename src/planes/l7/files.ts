/** Maps with data of routes, by what is in them; the key of each entry begins with the id of its route (`route-value.ts`). */
export const DATA_MAPS = {
  /** Which stages of its class a route has data for. Every route with data has an entry. */
  stages: 'stages.map',
  conditions: 'conditions.map',
  shares: 'shares.map',
  redirects: 'redirects.map',
  rewrites: 'rewrites.map',
  patterns: 'patterns.map',
  requestHeaders: 'request-headers.map',
  responseHeaders: 'response-headers.map',
  timeouts: 'timeouts.map',
  access: 'access.map',
  lists: 'lists.map',
  passwords: 'passwords.map',
  authorizations: 'authorizations.map',
  rates: 'rates.map',
  connections: 'connections.map',
  bodies: 'bodies.map',
  cors: 'cors.map',
  origins: 'origins.map',
  cookies: 'cookies.map',
  hashes: 'hashes.map',
} as const;

export type DataMap = keyof typeof DATA_MAPS;

/** Names of files inside a checkpoint; on the runtime CLI they name the same maps and lists. */
export const FILES = {
  /** What `renderSkeleton` gives. */
  skeleton: 'haproxy.cfg',
  /** Goes with it. */
  lua: 'sluice.lua',
  backends: 'backends.cfg',
  routes: 'routes.map',
  /** Routes of entrances. */
  entrances: 'entrances.map',
  /** Listeners for TLS, by their hosts. */
  listeners: 'listeners.map',
  /** How many ports of each kind stand ready for Gateways; no part of the configuration, which is made from it. */
  reserve: 'reserve',
  regexes: 'regexes.map',
  /** What is said of the engine as a whole: the skeleton is made with it. */
  engine: 'engine.json',
  certificates: 'crt-list.txt',
  selfSigned: 'certs/self-signed.pem',
  /** For Sluice itself, which checks them; HAProxy does not read it. */
  passwordFiles: 'password-files.txt',
  ...DATA_MAPS,
} as const;
