import { DATA_MAPS, type DataMap } from './files.ts';

/**
 * The letter that says of a route that it has data in a map. What is looked up in a class is looked up only for routes that have it:
 * a letter that is not there costs less than a look-up that finds nothing.
 */
const STAGE_LETTERS: Readonly<Record<DataMap, string>> = {
  stages: '',
  conditions: 'm',
  shares: 'w',
  redirects: 'r',
  rewrites: 'u',
  patterns: 'p',
  requestHeaders: 'h',
  responseHeaders: 'o',
  timeouts: 't',
  access: 'a',
  lists: 'l',
  passwords: 'x',
  authorizations: 'z',
  rates: 'q',
  connections: 'n',
  bodies: 'b',
  cors: 'c',
  origins: 'g',
  cookies: 'k',
  hashes: 'y',
};

/** The letters of some maps, each once. */
export function stagesOf(maps: readonly DataMap[]): string {
  return [...new Set(maps.map((map) => STAGE_LETTERS[map]))].sort().join('');
}

/**
 * The first rules of a class: which route it is, and that its data are there. Where they are not, none of its restrictions would be
 * known, so that it answers 503.
 */
export const STAGE_RULES: readonly string[] = [
  'http-request set-var(txn.rid) var(txn.route),field(5,|)',
  `http-request set-var(txn.stages) var(txn.rid),map_str(${DATA_MAPS.stages})`,
  'http-request return status 503 content-type text/plain string "503: the backend of this route is not usable\\n" if !{ var(txn.stages) -m found }',
];

/** The condition under which a route has data in a map. */
export function hasData(map: DataMap): string {
  return `{ var(txn.stages) -m sub ${STAGE_LETTERS[map]} }`;
}
