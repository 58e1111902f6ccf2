/**
 * HAProxy as far as we drive it: starts on a checkpoint, then obeys the runtime CLI, and refuses what the real one refuses.
 * What text means is read by test/injection/haproxy-reader.ts. The real one is in the traffic suite.
 */
import {
  checkCommand,
  readCli,
  readCrtList,
  readData,
  readMap,
  readRegexes,
  readSections,
} from '../injection/haproxy-reader.ts';
import type { Leftovers } from '../../src/planes/l7/backends.ts';
import { DATA_MAPS, FILES } from '../../src/planes/l7/files.ts';

interface FakeServer {
  readonly address: string;
  /** The words after the weight: how it is spoken to. */
  readonly protocol: string;
  weight: string;
  isEnabled: boolean;
}

interface FakeBackend {
  readonly servers: Map<string, FakeServer>;
  isPublished: boolean;
}

const AUTHORITIES = 'certs/authorities-';
const CLIENT_CERTIFICATE = 'certs/client-';

/** The only one that the grammar of the reader knows. */
const REGEXES_VERSION = '1';

/** Backends of the skeleton, which answer themselves. */
const REFUSALS: ReadonlySet<string> = new Set(['sluice-404', 'sluice-500', 'sluice-503', 'sluice-redirect']);

export class FakeHaproxy {
  readonly backends = new Map<string, FakeBackend>();
  /** By the map that they stand in. */
  readonly routes: Readonly<Record<string, Map<string, string>>> = {
    [FILES.routes]: new Map(),
    [FILES.entrances]: new Map(),
  };
  /** Entries of the maps of data, by file and key. */
  readonly data = new Map<string, string>();
  regexes: readonly (readonly [string, string])[] = [];
  #nextRegexes: (readonly [string, string])[] = [];
  /** Of those who sign certificates of endpoints: PEM by file name. */
  readonly authorities = new Map<string, string>();
  /** PEM by file name. */
  readonly certificates = new Map<string, string>();
  readonly #uncommitted = new Map<string, string>();
  /** Server names by file. */
  readonly crtList = new Map<string, readonly string[]>();

  constructor(files: ReadonlyMap<string, string>) {
    const text = (name: string): string => files.get(name) ?? '';
    for (const { name, servers } of readSections(text('backends.cfg'))) {
      const known = servers.map((line): [string, FakeServer] => {
        const [server = '', address = '', , weight = '', ...rest] = line.split(' ').slice(0);
        return [server, { address, weight, isEnabled: true, protocol: rest.join(' ') }];
      });
      if (this.backends.has(name)) throw new Error(`two backends are called ${name}`);
      this.backends.set(name, { servers: new Map(known), isPublished: true });
    }
    for (const [file, entries] of Object.entries(this.routes))
      for (const [key, value] of readMap(text(file))) entries.set(key, value);
    this.regexes = readRegexes(text('regexes.map'));
    for (const file of Object.values(DATA_MAPS))
      for (const [key, value] of readData(text(file))) this.#addData(file, key, value);
    for (const [file = '', ...names] of readCrtList(text('crt-list.txt'))) this.crtList.set(file, names);
    for (const name of files.keys()) {
      if (name.startsWith(AUTHORITIES)) this.authorities.set(name, text(name));
      else if (name.startsWith('certs/')) this.certificates.set(name, text(name));
    }
    this.#expectWhole();
  }

  /** Sends commands, as over one connection, and returns the answers. @throws Error on whatever the real one would refuse. */
  send(commands: readonly string[]): readonly string[] {
    const read = readCli(commands.map((command) => `${command}\n`).join(''));
    if (read.length !== commands.length)
      throw new Error(`${String(commands.length)} commands were sent, ${String(read.length)} arrived`);
    return read.map((command) => {
      checkCommand(command);
      const answer = this.#obey(command.words, command.payload);
      this.#expectWhole();
      return answer;
    });
  }

  /** What clients notice: no retired servers, nor backends that nothing can reach. */
  get visible(): unknown {
    const live = [...this.backends].filter(([, backend]) => backend.isPublished);
    return {
      backends: sorted(
        live.map(([name, { servers }]) => [name, sorted([...servers].filter(([, { isEnabled }]) => isEnabled))]),
      ),
      routes: Object.entries(this.routes).map(([file, entries]) => [file, sorted([...entries])]),
      regexes: this.regexes,
      certificates: sorted([...this.certificates].filter(([file]) => !file.startsWith(CLIENT_CERTIFICATE))),
      crtList: sorted([...this.crtList]),
    };
  }

  /** The retired: what the collector is to delete. */
  get leftovers(): Leftovers {
    const servers = [...this.backends].flatMap(([name, backend]) =>
      [...backend.servers].flatMap(([server, { isEnabled }]) => (isEnabled ? [] : [`${name}/${server}`])),
    );
    const backends = [...this.backends].flatMap(([name, { isPublished }]) => (isPublished ? [] : [name]));
    return { servers: new Set(servers), backends: new Set(backends), data: new Map(), files: this.#retiredFiles() };
  }

  #retiredFiles(): Leftovers['files'] {
    const servers = [...this.backends.values()].flatMap((backend) => [...backend.servers.values()]);
    const named = new Set(servers.flatMap(({ isEnabled, protocol }) => (isEnabled ? protocol.split(' ') : [])));
    const own = [...this.authorities.keys(), ...this.certificates.keys()].filter(
      (file) => file.startsWith(AUTHORITIES) || file.startsWith(CLIENT_CERTIFICATE),
    );
    const retired = own.filter((file) => !named.has(file));
    return new Map(
      retired.map((file) => [file, { kind: file.startsWith(AUTHORITIES) ? 'authorities' : 'certificate', file }]),
    );
  }

  #obey(words: readonly string[], payload: readonly string[]): string {
    const [verb = '', kind = '', ...args] = words;
    if (kind === 'ssl') return this.#obeySsl(verb, args, payload);
    if (kind === 'map') return this.#obeyMap(verb, args, payload);
    if (kind === 'backend') return this.#obeyBackend(verb, args[0] ?? '');
    return this.#obeyServer(verb, args);
  }

  #obeyBackend(verb: string, name: string): string {
    if (verb === 'add') {
      if (this.backends.has(name)) throw new Error(`backend ${name} exists`);
      this.backends.set(name, { servers: new Map(), isPublished: false });
      return 'New backend registered.';
    }
    this.#backend(name).isPublished = verb === 'publish';
    return verb === 'publish' ? 'Backend published.' : 'Backend unpublished.';
  }

  #obeyServer(verb: string, [target = '', ...args]: readonly string[]): string {
    const [name = '', server = ''] = target.split('/');
    const { servers } = this.#backend(name);
    const known = servers.get(server);
    if (verb === 'add') {
      if (known !== undefined) throw new Error(`server ${target} exists`);
      const [address = '', , weight = '', ...rest] = args;
      for (const word of rest) this.#expectFile(word);
      servers.set(server, { address, weight, isEnabled: false, protocol: rest.join(' ') });
      return 'New server registered.';
    }
    if (known === undefined) throw new Error(`no server ${target}`);
    if (verb === 'set') known.weight = args[1] ?? '';
    else known.isEnabled = verb === 'enable';
    return '';
  }

  #obeyMap(verb: string, args: readonly string[], payload: readonly string[]): string {
    if (verb === 'prepare') {
      this.#nextRegexes = [];
      return `New version created: ${REGEXES_VERSION}`;
    }
    if (args[1] === 'regexes.map') {
      if (verb === 'add') this.#nextRegexes.push(...readRegexes(payload.map((line) => `${line}\n`).join('')));
      else {
        this.regexes = this.#nextRegexes;
        this.#nextRegexes = [];
      }
      return '';
    }
    const [file = '', key = '', value = ''] = args;
    const routes = this.routes[file];
    if (routes === undefined) {
      if (verb === 'add') for (const line of readData(textOf(payload))) this.#addData(file, ...line);
      else if (!this.data.delete(`${file} ${key}`)) throw new Error(`${key} is not in ${file}`);
      return '';
    }
    if (verb === 'add') {
      for (const [added, target] of readMap(payload.map((line) => `${line}\n`).join(''))) {
        // The real one takes it twice, and looks up the first.
        if (routes.has(added)) throw new Error(`${added} is in the map`);
        routes.set(added, target);
      }
      return '';
    }
    if (!routes.has(key)) throw new Error(`${key} is not in the map`);
    if (verb === 'set') routes.set(key, value);
    else routes.delete(key);
    return '';
  }

  /** The real one takes it twice, and looks up the first. */
  #addData(file: string, key: string, value: string): void {
    const target = `${file} ${key}`;
    if (this.data.has(target)) throw new Error(`${target} is there`);
    this.data.set(target, value);
  }

  #obeySsl(verb: string, [kind = '', ...args]: readonly string[], payload: readonly string[]): string {
    const file = args.at(-1) ?? '';
    if (kind === 'crt-list') {
      if (verb === 'del') {
        if (!this.crtList.delete(file)) throw new Error(`${file} is not in the list`);
        return `Entry '${file}' deleted in crtlist 'crt-list.txt'!`;
      }
      const [[added = '', ...names] = []] = readCrtList(payload.map((line) => `${line}\n`).join(''));
      if (this.crtList.has(added)) throw new Error(`${added} is in the list`);
      this.crtList.set(added, names);
      return `Inserting certificate '${added}' in crt-list 'crt-list.txt'.\nSuccess!`;
    }
    if (kind === 'ca-file') return this.#obeyAuthorities(verb, file, payload);
    if (verb === 'new') {
      if (this.certificates.has(file)) throw new Error(`${file} exists`);
      this.certificates.set(file, '');
      return `New empty certificate store '${file}'!`;
    }
    if (!this.certificates.has(file)) throw new Error(`no certificate ${file}`);
    if (verb === 'set') {
      this.#uncommitted.set(file, payload.map((line) => `${line}\n`).join(''));
      return `Transaction created for certificate ${file}!`;
    }
    if (verb === 'commit') {
      this.certificates.set(file, this.#uncommitted.get(file) ?? '');
      this.#uncommitted.delete(file);
      return `Committing ${file}.\nSuccess!`;
    }
    if (this.crtList.has(file)) throw new Error(`${file} is in use`);
    this.certificates.delete(file);
    return `Certificate '${file}' deleted!`;
  }

  #obeyAuthorities(verb: string, file: string, payload: readonly string[]): string {
    const known = this.authorities.get(file);
    if ((known === undefined) !== (verb === 'new')) throw new Error(`${file}: ${verb}`);
    switch (verb) {
      case 'new':
        this.authorities.set(file, '');
        return `New CA file created '${file}'!`;
      case 'set':
        // The real one goes on verifying servers that were added at run time by the authorities before these.
        if (known !== '') throw new Error(`${file} is changed`);
        this.#uncommitted.set(file, textOf(payload));
        return `transaction created for CA ${file}!`;
      case 'commit':
        this.authorities.set(file, this.#uncommitted.get(file) ?? '');
        this.#uncommitted.delete(file);
        return `Committing ${file}\nSuccess!`;
      default:
        this.authorities.delete(file);
        return `CA file '${file}' deleted!`;
    }
  }

  #backend(name: string): FakeBackend {
    const backend = this.backends.get(name);
    if (backend === undefined) throw new Error(`no backend ${name}`);
    return backend;
  }

  /** A server is refused that names a file which is not there, or empty. */
  #expectFile(word: string): void {
    const files = word.startsWith(AUTHORITIES)
      ? this.authorities
      : word.startsWith(CLIENT_CERTIFICATE)
        ? this.certificates
        : undefined;
    if (files !== undefined && (files.get(word) ?? '') === '') throw new Error(`${word} is not there`);
  }

  /** At no moment does anything that a request finds point at what is not there: one that comes right now would fail. */
  #expectWhole(): void {
    const leading = Map.groupBy(
      [...this.data].filter(([key]) => /^(?:conditions|shares)\.map /.test(key)),
      ([key]) => /^\S+ (?<rid>[^#]*)/.exec(key)?.groups?.['rid'],
    );
    // Data that nothing leads to any more are collected later than what they lead to.
    const routes = Object.values(this.routes).flatMap((entries) => [...entries].filter(([key]) => !isParent(key)));
    const found: (readonly [string, string])[] = [...routes, ...this.regexes];
    for (const [key, value] of found) {
      const [name = '', , , , rid] = value.replace(/^[^>]*>/, '').split('|');
      if (rid !== undefined && !this.data.has(`stages.map ${rid}`))
        throw new Error(`${key} has data that are not there`);
      if (!REFUSALS.has(name) && this.backends.get(name)?.isPublished !== true)
        throw new Error(`${key} leads to ${name}, which is not there`);
      // Read on by this very loop, and once: the entries of one id are the same whoever leads to it.
      if (rid !== undefined) found.push(...(leading.get(rid) ?? []));
      if (rid !== undefined) leading.delete(rid);
    }
    for (const file of this.crtList.keys())
      if ((this.certificates.get(file) ?? '') === '') throw new Error(`${file} is listed and empty`);
  }
}

/** Where a host below a wildcard looks on, and no route. */
function isParent(key: string): boolean {
  return key.startsWith('*|');
}

function textOf(payload: readonly string[]): string {
  return payload.map((line) => `${line}\n`).join('');
}

function sorted<T extends readonly [string, unknown]>(entries: readonly T[]): readonly T[] {
  return entries.toSorted(([a], [b]) => (a < b ? -1 : 1));
}
