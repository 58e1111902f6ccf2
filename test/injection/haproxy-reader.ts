/**
 * What HAProxy makes of the text that it is given, written from its manuals and not from our encoders. Strict: whatever we
 * have no business writing is an error here, even where HAProxy would take it for an ordinary character.
 */

/** A command as the runtime CLI understands it. */
export interface ReadCommand {
  readonly words: readonly string[];
  readonly payload: readonly string[];
}

function refuse(what: string, text: string): never {
  throw new Error(`${what}: ${JSON.stringify(text.slice(0, 300))}`);
}

/** Words on which a line is cut, and whether `;` cuts it into several commands (management guide §9.3). */
function cliWords(line: string): readonly (readonly string[])[] {
  const commands: string[][] = [[]];
  let word = '';
  const endWord = (): void => {
    if (word !== '') commands.at(-1)?.push(word);
    word = '';
  };
  for (let at = 0; at < line.length; at += 1) {
    const character = line.charAt(at);
    if (character === '\\') {
      at += 1;
      word += line.charAt(at);
    } else if (character === ';') {
      endWord();
      commands.push([]);
    } else if (character === ' ') endWord();
    else word += character;
  }
  endWord();
  return commands;
}

/** Reads everything that is sent over one connection: lines, each perhaps with a payload that an empty line ends. */
export function readCli(text: string): readonly ReadCommand[] {
  if (!/^[\x20-\x7e\n]*$/.test(text)) refuse('a character that is neither printable ASCII nor a line end', text);
  if (text !== '' && !text.endsWith('\n')) refuse('the last line has no end', text);
  const lines = text.split('\n').slice(0, -1);
  const commands: ReadCommand[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? '';
    const [words = [], ...more] = cliWords(line.replace(/ <<$/, ''));
    if (words.length === 0 || more.length > 0) refuse('not one command on a line', line);
    const payload: string[] = [];
    if (line.endsWith(' <<')) {
      for (at += 1; lines[at] !== ''; at += 1) payload.push(lines[at] ?? refuse('a payload without end', line));
    } else if (line.includes('<<')) refuse('a payload mark in the middle of a line', line);
    commands.push({ words, payload });
  }
  return commands;
}

const CLASS = /^sluice-(?:backend|edit|full|sticky)(?:-r[01235]e?)?$/;
/** `namespace_service_port…`; a host that is asked whether requests are let in stands behind `URL.`, as no Service is called. */
const NAME = /^(?:[a-z0-9-]+_URL\.)?[a-z0-9-](?:[a-z0-9._-]*[a-z0-9])?$/;
const SERVER = /^(?:[0-9.]+|[0-9a-f:.]+)[_:]\d{1,5}$/;
const ADDRESS = /^(?:[0-9.]+|ipv6@[0-9a-f:.]+):\d{1,5}$/;
const CERTIFICATE = /^certs\/[a-z0-9][a-z0-9._-]*\.pem$/;
const AUTHORITIES = /^certs\/authorities-[0-9a-f]{32}\.pem$/;
const SNI = /^(?:\*\.)?[a-z0-9][a-z0-9.-]*$/;
/** A listener for any number of labels begins with `**`; a route of one entrance alone begins with its name. */
const ROUTE_KEY = /^(?:https?\|)?(?:\*|\*{1,2}\.[a-z0-9.-]+|[a-z0-9][a-z0-9.-]*)\/[A-Za-z0-9\-._~!$&'()*+,;=:@%/]*#?$/;
const ROUTE_VALUE = /^[a-z0-9._-]+\|[EMRSW-]*\|(?:[a-z0-9.-]+\/[a-z0-9.-]+)?\|[a-z-]*(?:\|[0-9a-f]{20})?$/;
/** Where hosts below a listener's wildcard look: the labels of the wildcard in reverse order, and as they are. */
const PARENT_KEY = /^\*\|[a-z0-9.-]+\.$/;
const PARENT_VALUE = /^[a-z0-9.-]+$/;
const ROUTE_MAP = /^(?:routes|entrances)\.map$/;
const DATA_MAP =
  /^(?:access|authorizations|bodies|conditions|connections|cookies|cors|hashes|lists|origins|passwords|patterns|rates|redirects|request-headers|response-headers|rewrites|shares|stages|timeouts)\.map$/;
/** The id of a route, and which of its entries it is. */
const DATA_KEY = /^[0-9a-f]{20}(?:#[0-9A-Za-z.:/_-]+)?$/;
const DATA_VALUE = /^[A-Za-z0-9\-._~!$&'()*+,:@%/=?|<>]+$/;

const TARGET = new RegExp(`${NAME.source.slice(0, -1)}/${SERVER.source.slice(1)}`);

/** How servers are spoken to, whole: which words there are follows from what TLS is to do. */
const SPOKEN =
  /^(?:proto h2|(?:ssl(?: alpn h2 proto h2)? (?:verify none|verify required ca-file (?:@system-ca|certs\/authorities-[0-9a-f]{32}\.pem))(?: sni str\([a-z0-9][a-z0-9.-]*\) no-sni-auto)?(?: verifyhost [a-z0-9][a-z0-9.-]*)?(?: crt certs\/client-[0-9a-f]{64}\.pem)?))?$/;

/** The arguments of the only commands that we have any business sending. */
const GRAMMAR: Readonly<Record<string, readonly RegExp[]>> = {
  'add backend': [NAME, /^from$/, CLASS],
  'publish backend': [NAME],
  'unpublish backend': [NAME],
  'add server': [TARGET, ADDRESS, /^weight$/, /^[01]$/],
  'enable server': [TARGET],
  'disable server': [TARGET],
  'set server': [TARGET, /^weight$/, /^[01]$/],
  'add map': [ROUTE_MAP],
  'add map data': [DATA_MAP],
  'del map data': [DATA_MAP, DATA_KEY],
  'add map version': [/^@1$/, /^regexes\.map$/],
  'prepare map': [/^regexes\.map$/],
  'commit map': [/^@1$/, /^regexes\.map$/],
  'set map': [ROUTE_MAP, ROUTE_KEY, ROUTE_VALUE],
  'del map': [ROUTE_MAP, new RegExp(`${ROUTE_KEY.source}|${PARENT_KEY.source}`)],
  'new ssl ca-file': [AUTHORITIES],
  'set ssl ca-file': [AUTHORITIES],
  'commit ssl ca-file': [AUTHORITIES],
  'del ssl ca-file': [AUTHORITIES],
  'new ssl cert': [CERTIFICATE],
  'set ssl cert': [CERTIFICATE],
  'commit ssl cert': [CERTIFICATE],
  'del ssl cert': [CERTIFICATE],
  'add ssl crt-list': [/^crt-list\.txt$/],
  'del ssl crt-list': [/^crt-list\.txt$/, CERTIFICATE],
};

/** Checks one command against the grammar, its payload included. */
export function checkCommand({ words, payload }: ReadCommand): void {
  const isVersioned = words[0] === 'add' && words[1] === 'map' && words[2]?.startsWith('@') === true;
  const length = words[1] === 'ssl' ? 3 : 2;
  const name = words.slice(0, length).join(' ');
  const isData = words[1] === 'map' && DATA_MAP.test(words[2] ?? '');
  const key = isVersioned ? 'add map version' : isData ? `${name} data` : name;
  const grammar = GRAMMAR[key] ?? refuse('a command that is not ours', words.join(' '));
  const isServer = key === 'add server';
  const args = words.slice(length, isServer ? length + grammar.length : undefined);
  if (args.length !== grammar.length) refuse('another number of arguments', words.join(' '));
  const spoken = words.slice(length + grammar.length).join(' ');
  if (isServer && !SPOKEN.test(spoken)) refuse('how a server is spoken to', spoken);
  args.forEach((arg, index) => grammar[index]?.test(arg) === true || refuse(`argument of ${key}`, arg));
  switch (key) {
    case 'add map data':
      readData(textOf(payload));
      return;
    case 'add map':
      readMap(textOf(payload), ROUTE_KEY);
      return;
    case 'add map version':
      readRegexes(textOf(payload));
      return;
    case 'add ssl crt-list':
      readCrtList(textOf(payload));
      return;
    case 'set ssl ca-file':
      checkAuthorities(payload);
      return;
    case 'set ssl cert':
      checkPem(payload);
      return;
    default:
      if (payload.length > 0) refuse('a payload where none belongs', words.join(' '));
  }
}

function textOf(payload: readonly string[]): string {
  return payload.map((line) => `${line}\n`).join('');
}

/** The entries of a map file, in order. */
export function readMap(text: string, key: RegExp = ROUTE_KEY): readonly (readonly [key: string, value: string])[] {
  return wholeLines(text).map((line) => {
    const [left = '', right = '', ...more] = line.split(' ');
    const isEntry = (key.test(left) && ROUTE_VALUE.test(right)) || (PARENT_KEY.test(left) && PARENT_VALUE.test(right));
    if (more.length > 0 || !isEntry) refuse('not a line of a map', line);
    return [left, right] as const;
  });
}

/** The entries of a map of data. */
export function readData(text: string): readonly (readonly [key: string, value: string])[] {
  return wholeLines(text).map((line) => {
    const [key = '', value = '', ...more] = line.split(' ');
    if (more.length > 0 || !DATA_KEY.test(key) || !DATA_VALUE.test(value)) refuse('not a line of data', line);
    return [key, value] as const;
  });
}

/** The entries of the map of regular expressions, each of which must stay with its own host. */
export function readRegexes(text: string): readonly (readonly [key: string, value: string])[] {
  const entries = readMap(text, /^[\x21-\x7e]+$/).map(([key, value]) => [withoutLimit(key), value] as const);
  for (const [key] of entries) {
    // Without the look ahead to the `/`, the group could go on with the host's name.
    const host = /^\^(?:https?\\\|)?(?:\\\*(?:\\\*)?|[a-z0-9-]+)(?:\\\.[a-z0-9-]+)*\(\?=\/\)(?=\(\?:)/.exec(key)?.[0];
    if (host === undefined) refuse('an expression that does not begin with a host, its end and a group', key);
    if (groupEnd(key, host.length) !== key.length - 1) refuse('an expression that leaves its group', key);
  }
  return entries;
}

/** JavaScript has no such limit. */
function withoutLimit(key: string): string {
  const limit = /^\(\*LIMIT_MATCH=\d{4,6}\)/.exec(key)?.[0];
  return limit === undefined
    ? refuse('an expression without a limit of what a match may take', key)
    : key.slice(limit.length);
}

/**
 * Where the group that opens at `start` is closed, as PCRE reads it (pcre2pattern(3)); -1 for never. What JavaScript reads in
 * another way is what an attacker would use.
 */
function groupEnd(pattern: string, start: number): number {
  let depth = 0;
  for (let at = start; at < pattern.length; at += 1) {
    const character = pattern.charAt(at);
    if (character === '\\') at = escapeEnd(pattern, at);
    else if (character === '[') at = classEnd(pattern, at);
    else if (pattern.startsWith('(?#', at)) at = indexOrEnd(pattern, ')', at);
    else if (character === '(') depth += 1;
    else if (character === ')') {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return -1;
}

function escapeEnd(pattern: string, at: number): number {
  if (pattern.startsWith('\\Q', at)) return indexOrEnd(pattern, '\\E', at) + 1;
  return pattern.charAt(at + 1) === 'c' ? at + 2 : at + 1;
}

function classEnd(pattern: string, start: number): number {
  let at = pattern.charAt(start + 1) === '^' ? start + 2 : start + 1;
  // A bracket that comes first is an ordinary member.
  if (pattern.charAt(at) === ']') at += 1;
  for (; at < pattern.length; at += 1) {
    const character = pattern.charAt(at);
    if (character === '\\') at = escapeEnd(pattern, at);
    else if (/^\[[:.=]/.test(pattern.slice(at))) {
      const named = /^\[([:.=])\^?[a-z]*\1\]/.exec(pattern.slice(at))?.[0];
      if (named !== undefined) at += named.length - 1;
    } else if (character === ']') return at;
  }
  return pattern.length;
}

function indexOrEnd(pattern: string, text: string, from: number): number {
  const index = pattern.indexOf(text, from);
  return index === -1 ? pattern.length : index;
}

/** The lines of a crt-list: a file and the names that it is served for. */
export function readCrtList(text: string): readonly (readonly string[])[] {
  return wholeLines(text).map((line) => {
    const [file = '', ...names] = line.split(' ');
    if (!CERTIFICATE.test(file) || names.length === 0) refuse('not a line of a crt-list', line);
    if (names.length >= 2047 || line.length >= 16_384)
      refuse('a line of a crt-list that is too long', line.slice(0, 200));
    for (const name of names) if (!SNI.test(name)) refuse('not a server name', name);
    return [file, ...names];
  });
}

/** A chain and its key, and nothing between them. */
export function checkPem(pem: readonly string[]): void {
  checkPemOf(pem, /^(?:CERTIFICATE )+PRIVATE KEY$/);
}

/** The same for authorities, which bring no keys. */
export function checkAuthorities(pem: readonly string[]): void {
  checkPemOf(pem, /^CERTIFICATE(?: CERTIFICATE)*$/);
}

function checkPemOf(pem: readonly string[], expected: RegExp): void {
  const kinds: string[] = [];
  let open: string | undefined;
  for (const line of pem) {
    const [, mark, kind] = /^-----(BEGIN|END) (CERTIFICATE|PRIVATE KEY)-----$/.exec(line) ?? [];
    if (mark === 'BEGIN' && open === undefined) open = kind;
    else if (mark === 'END' && open !== undefined && kind === open) {
      kinds.push(open);
      open = undefined;
    } else if (open === undefined || !/^[A-Za-z0-9+/]+={0,2}$/.test(line)) refuse('not a line of a PEM file', line);
  }
  if (open !== undefined || !expected.test(kinds.join(' '))) refuse('not a PEM file', kinds.join());
}

/** A section of backends.cfg: its name and its servers. */
export interface ReadSection {
  readonly name: string;
  readonly servers: readonly string[];
}

/** The sections behind the skeleton. Nothing but backends and their servers may stand there. */
export function readSections(text: string): readonly ReadSection[] {
  const sections: { name: string; servers: string[] }[] = [];
  for (const line of text.split('\n')) {
    if (line === '' || line === '# Written by Sluice. Changes made here are lost.') continue;
    const words = line.trim().split(' ');
    if (line.startsWith('backend ')) {
      checkArgs(line, words, [/^backend$/, NAME, /^from$/, CLASS]);
      sections.push({ name: words[1] ?? '', servers: [] });
    } else {
      checkArgs(line, words.slice(0, 5), [/^server$/, SERVER, ADDRESS, /^weight$/, /^[01]$/]);
      if (!line.startsWith('    server ') || !SPOKEN.test(words.slice(5).join(' '))) refuse('not a server', line);
      (sections.at(-1) ?? refuse('a server outside of a backend', line)).servers.push(words.slice(1).join(' '));
    }
  }
  return sections;
}

function checkArgs(line: string, words: readonly string[], grammar: readonly RegExp[]): void {
  const fits = words.length === grammar.length && words.every((word, index) => grammar[index]?.test(word) === true);
  if (!fits) refuse('not a line of backends.cfg', line);
}

function wholeLines(text: string): readonly string[] {
  if (text === '') return [];
  if (!text.endsWith('\n')) refuse('the last line has no end', text.slice(-200));
  return text.slice(0, -1).split('\n');
}
