import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { request, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { confinementOf } from '../../src/app/confinement.ts';
import { findHaproxy } from '../../src/app/haproxy.ts';
import type { L7Plan } from '../../src/compile/plan.ts';
import type { EngineConfig } from '../../src/model/http/engine-config.ts';
import { PersistentMap } from '../../src/lib/persistent-map.ts';
import type { PasswordFile } from '../../src/model/password-file.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { signalProcess } from '../../src/lib/signal-process.ts';
import { renderCheckpoint } from '../../src/planes/l7/checkpoint.ts';
import { CheckpointStore } from '../../src/planes/l7/checkpoint-store.ts';
import { L7Plane, type ReloadReason } from '../../src/planes/l7/plane.ts';
import { PasswordChecker } from '../../src/planes/l7/password/password-checker.ts';
import { configArguments, putSkeleton } from '../../src/planes/l7/process.ts';
import { RuntimeCli } from '../../src/planes/l7/runtime-cli.ts';
import { PATIENCE, type EnginePatience } from '../../src/planes/l7/silence.ts';
import { selfSignedPem } from '../../src/planes/l7/self-signed.ts';
import { FILES } from '../../src/planes/l7/files.ts';
import { renderSkeleton } from '../../src/planes/l7/skeleton.ts';
import { freePort } from './lab.ts';

/** An L7 plane with a HAProxy of its own, and without the rest of Sluice. */
export class EngineWorld {
  readonly plane: L7Plane;
  /** Why processes were started, in order. */
  readonly starts: ReloadReason[] = [];
  /** How many objects HAProxy refused. */
  refusals = 0;
  /** What HAProxy asks about passwords. */
  passwords: PasswordChecker;
  #held = PersistentMap.empty<PasswordFile>();
  readonly #root: string;
  readonly #binary: string;
  readonly #skeletonWith: (config: EngineConfig) => string;
  readonly #selfSignedPem: string;
  readonly ports: { readonly http: number; readonly https: number };

  private constructor(
    root: string,
    binary: string,
    ports: { readonly http: number; readonly https: number },
    skeletonWith: (config: EngineConfig) => string,
    pem: string,
    patience: EnginePatience,
    passwords: PasswordChecker,
    confinement: readonly string[] = [],
  ) {
    this.#root = root;
    this.#binary = binary;
    this.ports = ports;
    this.#skeletonWith = skeletonWith;
    this.#selfSignedPem = pem;
    this.passwords = passwords;
    this.plane = new L7Plane({
      paths: { haproxy: this.#link, confinement, stateDirectory: root, adminSocket: this.#adminSocket },
      skeleton: (_, config) => skeletonWith(config),
      selfSignedPem: pem,
      logger: silentLogger,
      passwords: { hold: (files, served) => this.#hold(files, served) },
      onStart: (reason) => this.starts.push(reason),
      onRefused: () => (this.refusals += 1),
      keepsServing: false,
      drainMs: 2_000,
      patience,
    });
  }

  static async create(patience: EnginePatience = PATIENCE, isConfined = false): Promise<EngineWorld> {
    const root = await mkdtemp(join(tmpdir(), 'sluice-engine-'));
    await mkdir(join(root, 'check'));
    const ports = { http: await freePort(), https: await freePort() };
    const settings = {
      bindAddresses: ['127.0.0.1'],
      httpPort: ports.http,
      httpsPort: ports.https,
      publicHttpsPort: ports.https,
      innerPorts: undefined,
      isHttp3: false,
      trustedProxies: [],
      proxyProtocolSources: [],
      hasAccessLog: false,
      threads: 1,
      maxConnections: 200,
      hardStopAfterS: 5,
      user: undefined,
    };
    const asked = askedIn(root);
    const passwords = new PasswordChecker({ ...asked, logger: silentLogger });
    await passwords.listen();
    const sockets = {
      admin: join(root, 'admin.sock'),
      accessLog: 'unused',
      passwords: asked,
      asked: `${asked.name}-asked`,
    };
    const skeletonWith = (config: EngineConfig): string => renderSkeleton(settings, sockets, 0, config);
    const binary = await findHaproxy(undefined, process.env);
    const confinement = isConfined ? await confinementOf(binary, root) : [];
    if ('impossible' in confinement) throw new Error(confinement.impossible);
    const world = new EngineWorld(
      root,
      binary,
      ports,
      skeletonWith,
      await selfSignedPem(root),
      patience,
      passwords,
      confinement,
    );
    await world.installBinary();
    return world;
  }

  get #link(): string {
    return join(this.#root, 'haproxy');
  }

  get #adminSocket(): string {
    return join(this.#root, 'admin.sock');
  }

  /** Takes away the program: what runs goes on, nothing new can be started. */
  async removeBinary(): Promise<void> {
    await rm(this.#link);
  }

  async installBinary(): Promise<void> {
    await symlink(this.#binary, this.#link);
  }

  get passwordSocket(): string {
    return askedIn(this.#root).name;
  }

  #hold(files: PersistentMap<PasswordFile>, served: PersistentMap<PasswordFile> | undefined): void {
    this.#held = files;
    this.passwords.hold(files, served);
  }

  /** As after an upgrade of Sluice. */
  async restartPasswords(): Promise<void> {
    this.passwords = new PasswordChecker({ ...askedIn(this.#root), logger: silentLogger });
    this.passwords.hold(this.#held, undefined);
    await this.passwords.listen();
  }

  /** Sends commands over a connection of somebody else's. Nobody listening: no answers. */
  async cli(...commands: readonly string[]): Promise<readonly string[]> {
    try {
      const cli = await RuntimeCli.open(this.#adminSocket);
      const replies = await cli.send(commands);
      cli.close();
      return replies;
    } catch {
      // No HAProxy: that is an answer too.
      return [];
    }
  }

  /** The process that was started last. */
  async pid(): Promise<number> {
    return Number(await readFile(join(this.#root, 'haproxy.pid'), 'utf8'));
  }

  async kill(): Promise<void> {
    signalProcess(await this.pid(), 'SIGKILL');
  }

  /** Takes all connections that the runtime CLI lets in; the one that is made next waits until one of them ends. */
  async crowdCli(): Promise<readonly RuntimeCli[]> {
    const crowd: RuntimeCli[] = [];
    try {
      for (;;) crowd.push(await RuntimeCli.open(this.#adminSocket, 200));
    } catch {
      // No more are let in.
      return crowd;
    }
  }

  /** What HAProxy itself says of the checkpoint of a plan; empty when it would start on it. */
  async check(plan: L7Plan): Promise<string> {
    const store = new CheckpointStore(join(this.#root, 'check'), 'rules');
    const folder = await store.layDown(renderCheckpoint(plan, this.#selfSignedPem));
    await putSkeleton(folder, this.#skeletonWith(plan.engine));
    const check = promisify(execFile)(this.#binary, ['-c', '-q', ...configArguments(folder)], { cwd: folder });
    const { stderr } = await check.catch((thrown: unknown) => ({ stderr: String(thrown) }));
    return stderr;
  }

  /** What HAProxy holds for the hosts of `want`. */
  async held(want: L7Plan): Promise<unknown> {
    const hosts = want.hosts.sorted().map(([host]) => host);
    const [routes = '', regexes = ''] = await this.cli(`show map ${FILES.routes}`, `show map ${FILES.regexes}`);
    const keys = hosts.flatMap((host) => [`${host}/`, `^${host.replaceAll(/[.*]/g, String.raw`\$&`)}(?=/)(?:`]);
    const ofWant = (line: string): boolean => keys.some((key) => line.replace(/^\(\*\w+=\d+\)/, '').startsWith(key));
    return { routes: entriesOf(routes).filter(ofWant).sort(), regexes: entriesOf(regexes).filter(ofWant) };
  }

  /** What clients get, by HTTP and by TLS, on every host and path of `want`, and what HAProxy holds of it. */
  async look(want: L7Plan): Promise<unknown> {
    const seen: string[] = [];
    for (const [host, plan] of want.hosts.sorted()) {
      const name = host.replace('*', 'any');
      seen.push(`${host} ${await this.#certificate(name)}`);
      for (const { match } of plan.routes) seen.push(`${host}${match.value} ${await this.get(name, match.value)}`);
    }
    return { seen, held: await this.held(want) };
  }

  /** The common names of the certificates that clients get for hosts. */
  async certificates(hosts: readonly string[]): Promise<readonly string[]> {
    return Promise.all(hosts.map((host) => this.#certificate(host)));
  }

  /** What a client gets by HTTP: the status and the name of the backend that answers. */
  async get(host: string, path: string): Promise<string> {
    const { status, backend } = await this.#request('GET', host, path);
    return `${status} ${backend?.name ?? ''}`;
  }

  /** What a client is answered by HTTP, as a person reads it: status, then where it is sent, or who answers and what that was asked for. */
  async ask(method: string, { host, pathname, search }: URL, options: AskOptions = {}): Promise<string> {
    const answer = await this.#request(method, host, `${pathname}${search}`, options);
    const { status, location, backend } = answer;
    const shown = (options.show ?? []).flatMap((name) => [
      ...textOf(`request ${name}`, backend?.headers[name]),
      ...textOf(`response ${name}`, answer.headers[name]),
    ]);
    const more = shown.map((text) => `, ${text}`).join('');
    if (location !== undefined) return `${status} to ${location.replace(`:${String(this.ports.https)}`, '')}${more}`;
    return `${status}${backend === undefined ? '' : ` by ${backend.name}, asked for ${backend.url}`}${more}`;
  }

  #request(
    method: string,
    host: string,
    path: string,
    { headers = {}, body: sent = '' }: AskOptions = {},
  ): Promise<Answer> {
    return new Promise((resolve) => {
      const port = this.ports.http;
      const options = { host: '127.0.0.1', port, method, path, headers: { host, ...headers }, agent: false };
      const outgoing = request(options);
      outgoing.on('response', (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () =>
          resolve({
            status: String(response.statusCode),
            headers: response.headers,
            location: response.headers.location,
            backend: body.startsWith('{') ? (JSON.parse(body) as Answer['backend']) : undefined,
          }),
        );
      });
      outgoing.on('error', () => resolve({ status: 'nobody', headers: {}, location: undefined, backend: undefined }));
      outgoing.end(sent);
    });
  }

  #certificate(host: string): Promise<string> {
    return new Promise((resolve) => {
      const options = { host: '127.0.0.1', port: this.ports.https, servername: host, rejectUnauthorized: false };
      const socket = connect(options, () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.on('error', () => resolve('nobody'));
    });
  }

  async close(): Promise<void> {
    await this.passwords.close();
    await rm(this.#root, { recursive: true, force: true });
  }
}

function askedIn(root: string): { readonly name: string; readonly key: string } {
  return { name: basename(root), key: 'key' };
}

/** What came back from HAProxy, or from the backend behind it. */
interface Answer {
  readonly status: string;
  readonly headers: IncomingHttpHeaders;
  readonly location: string | undefined;
  readonly backend: { readonly name: string; readonly url: string; readonly headers: IncomingHttpHeaders } | undefined;
}

/** How a client asks, and which headers of what the backend got, and of the response, are shown. */
export interface AskOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly show?: readonly string[];
  readonly body?: string;
}

function textOf(name: string, value: string | string[] | undefined): readonly string[] {
  return value === undefined ? [] : [`${name}: ${typeof value === 'string' ? value : value.join(' + ')}`];
}

/** Lines of `show map` without the addresses of their entries. */
function entriesOf(shown: string): string[] {
  return shown.split('\n').flatMap((line) => (line === '' ? [] : [line.replace(/^\S+ /, '')]));
}
