/**
 * An API server for tests: real sockets, real HTTP and TLS, the real one's words and codes, and a
 * switchboard of faults. What it does is held to what the real one does by the contract suite in
 * `test/contract/kube-client.ts`, which runs against both.
 */
import http, { type IncomingMessage, type ServerResponse } from 'node:http';
import http2, { type ServerHttp2Session } from 'node:http2';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { text as readText } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeConfig } from '../../../src/kube/config.ts';
import { MaterialCredentials } from '../../../src/kube/credentials.ts';
import { Access, everything, type AccessRule } from './access.ts';
import { Authority, type KeyPair } from './certificates.ts';
import { cut, Faults, type StreamTrouble, type Trouble } from './faults.ts';
import { getObject, listObjects } from './reads.ts';
import { badRequest, Refusal } from './refusal.ts';
import { PageNotFound, Routes, verbOf, type Route } from './route.ts';
import { Storage } from './storage.ts';
import { asJson, builtInResources, type Json, type ServedResource, type StoredObject } from './stored-object.ts';
import { Watch, type WatchListSupport } from './watches.ts';
import { create, patch, remove, update, type Write } from './writes.ts';

export interface FakeApiServerOptions {
  readonly isTls?: boolean;
  /** Under TLS: an authority vouches for the server that is itself vouched for by another one. */
  readonly hasIntermediate?: boolean;
  /** Under TLS: speak HTTP/2, with so many streams a connection, to those who choose it by ALPN. */
  readonly http2?: { readonly maxStreams: number };
  readonly watchList?: WatchListSupport;
  readonly expiredAs?: 'error-event' | 'http';
  /** Send bookmarks by themselves, this often; without it, only when {@link FakeApiServer.bookmark} is called. */
  readonly bookmarkIntervalMs?: number;
}

/** A request that arrived, whatever was answered. */
export interface SeenRequest {
  readonly verb: string;
  readonly plural: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly userAgent: string;
  /** When it arrived, on the clock of `performance.now()`. */
  readonly atMs: number;
}

/** What the servers of Node have in common that the fake needs. */
type Server = http.Server | https.Server | http2.Http2SecureServer;

interface TlsSetup {
  readonly authority: Authority;
  readonly server: KeyPair;
}

/** The token of the user `admin`, who may do everything. */
export const adminToken = 'token-of-admin';

export class FakeApiServer {
  readonly storage = new Storage();
  readonly access = new Access();
  readonly faults = new Faults();
  /** Every request so far, in order of arrival. */
  readonly requests: SeenRequest[] = [];
  /** Called for every request before it is answered: the place to let something happen in between. */
  onRequest: (request: SeenRequest) => void = () => {};
  watchList: WatchListSupport;
  expiredAs: 'error-event' | 'http';
  readonly #routes = new Routes();
  readonly #server: Server;
  readonly #tls: TlsSetup | undefined;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #watches = new Set<Watch>();
  readonly #bookmarks: NodeJS.Timeout | undefined;
  #port = 0;
  /** How many connections are going to be taken, and left without a word. */
  #toStall = 0;

  private constructor(options: FakeApiServerOptions, tls: TlsSetup | undefined) {
    this.watchList = options.watchList ?? 'served';
    this.expiredAs = options.expiredAs ?? 'error-event';
    this.#tls = tls;
    this.#server = createServer(tls, options.http2);
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => void this.#serve(request, response);
    this.#server.on('request', onRequest);
    if (options.http2 !== undefined) this.#letStall();
    this.#server.on('session', (session: ServerHttp2Session) => {
      this.#sessions.add(session);
      session.on('close', () => this.#sessions.delete(session));
    });
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    for (const resource of builtInResources) this.#routes.serve(resource);
    this.access.issue(adminToken, 'admin');
    this.access.allow('admin', everything);
    for (const name of ['default', 'kube-system']) this.seed('namespaces', [{ metadata: { name } }]);
    const { bookmarkIntervalMs } = options;
    if (bookmarkIntervalMs !== undefined) this.#bookmarks = setInterval(() => this.bookmark(), bookmarkIntervalMs);
  }

  static async start(options: FakeApiServerOptions = {}): Promise<FakeApiServer> {
    let tls: TlsSetup | undefined;
    if (options.isTls === true) {
      const root = options.hasIntermediate === true ? new Authority('fake-root-ca') : undefined;
      const authority = new Authority('fake-kubernetes-ca', root);
      tls = { authority, server: authority.issue('kube-apiserver', ['127.0.0.1', 'kubernetes.default.svc']) };
    }
    const server = new FakeApiServer(options, tls);
    await server.acceptConnections();
    return server;
  }

  get url(): string {
    return `${this.#tls === undefined ? 'http' : 'https'}://127.0.0.1:${this.#port}`;
  }

  /** Who vouches for the server, and issues certificates to its clients; undefined without TLS. */
  get authority(): Authority | undefined {
    return this.#tls?.authority;
  }

  /** Connections that clients hold open at this moment. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Watches that are being served at this moment. */
  get watches(): number {
    return [...this.#watches].filter((watch) => !watch.isOver).length;
  }

  /** How a client reaches this server as the user to whom `token` belongs. */
  config(token: string = adminToken): KubeConfig {
    const authority = this.#tls?.authority.certificate;
    return {
      origin: 'the fake API server',
      server: new URL(this.url),
      namespace: 'default',
      isTlsUnverified: false,
      credentials: new MaterialCredentials({
        token: { text: token },
        authority: authority === undefined ? undefined : { text: authority },
      }),
    };
  }

  /** A user who may do only this, and a token for him. */
  user(name: string, rules: readonly AccessRule[]): string {
    const token = `token-of-${name}`;
    this.access.issue(token, name);
    this.access.allow(name, rules);
    return token;
  }

  /** Puts objects into the storage, past every check. Returns them as stored. */
  seed(plural: string, objects: readonly Json[]): readonly StoredObject[] {
    const resource = builtInResources.find((known) => known.plural === plural);
    if (resource === undefined) throw new Error(`the fake does not serve ${plural}`);
    return objects.map((object) => {
      const metadata = asJson(object['metadata']);
      const { name, namespace } = metadata;
      if (typeof name !== 'string') throw new Error(`a seed of ${plural} has no metadata.name`);
      return this.storage.put(resource, {
        apiVersion: resource.group === '' ? resource.version : `${resource.group}/${resource.version}`,
        kind: resource.kind,
        ...object,
        metadata: { ...metadata, name, ...(typeof namespace === 'string' && { namespace }) },
      });
    });
  }

  /** Takes an object out of the storage. */
  unseed(plural: string, namespace: string | undefined, name: string): void {
    const resource = builtInResources.find((known) => known.plural === plural);
    const object = resource === undefined ? undefined : this.storage.get(resource, namespace, name);
    if (resource === undefined || object === undefined) throw new Error(`there are no ${plural} ${name}`);
    this.storage.delete(resource, object);
  }

  /** Sends a bookmark on every watch that wants bookmarks. */
  bookmark(): void {
    for (const watch of this.#watches) if (!watch.isOver) watch.bookmark();
  }

  /** Makes all running watches (of one resource) suffer. */
  troubleWatches(trouble: StreamTrouble, plural?: string): void {
    for (const watch of this.#watches)
      if (!watch.isOver && (plural ?? watch.plural) === watch.plural) watch.suffer(trouble);
  }

  /** Asks all clients of HTTP/2 for new connections; running answers go on on the old ones. */
  goAway(): void {
    for (const session of this.#sessions) session.goaway(http2.constants.NGHTTP2_NO_ERROR);
  }

  /** The next so many connections get through the TLS handshake, and hear nothing more. For HTTP/2 only. */
  stallConnections(count: number): void {
    this.#toStall = count;
  }

  /** A connection becomes a session in listeners that Node has set: it does so only if it is not to stall. */
  #letStall(): void {
    const listeners = this.#server.listeners('secureConnection');
    this.#server.removeAllListeners('secureConnection');
    this.#server.on('secureConnection', (socket: Socket) => {
      if (this.#toStall === 0) {
        for (const listener of listeners) Reflect.apply(listener, this.#server, [socket]);
        return;
      }
      this.#toStall -= 1;
      // Read, so that it is noticed when the client goes.
      socket.on('error', () => {}).resume();
    });
  }

  /** As a process that was killed: connections are cut, new ones refused. The port stays ours to come back to. */
  async refuseConnections(): Promise<void> {
    const closed = Promise.withResolvers<void>();
    this.#server.close(() => closed.resolve());
    // Under TLS these are the raw sockets below, whose reset is not theirs to send.
    for (const socket of this.#sockets)
      if (this.#tls === undefined) cut(socket);
      else socket.destroy();
    for (const watch of this.#watches) watch.release();
    this.#watches.clear();
    await closed.promise;
  }

  /** Listens (again), on the same port as before: once whoever was given it meanwhile, for a connection of its own, has let go. */
  async acceptConnections(): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        await this.#listen();
        return;
      } catch (thrown) {
        const isTaken = thrown instanceof Error && 'code' in thrown && thrown.code === 'EADDRINUSE';
        if (!isTaken || tries === 200) throw thrown;
        await sleep(50);
      }
    }
  }

  async #listen(): Promise<void> {
    const listening = Promise.withResolvers<void>();
    this.#server.once('error', listening.reject);
    this.#server.listen(this.#port, '127.0.0.1', listening.resolve);
    await listening.promise;
    this.#server.off('error', listening.reject);
    // The address of a listening TCP server is never a string or null.
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    clearInterval(this.#bookmarks);
    await this.refuseConnections();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      await this.#answer(request, response);
    } catch (error) {
      // A client that went away in the middle of its request is owed nothing.
      if (request.socket.destroyed) return;
      if (error instanceof PageNotFound) {
        response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' }).end('404 page not found\n');
        return;
      }
      if (!(error instanceof Refusal)) throw error;
      const retryAfter = error.retryAfterSeconds;
      if (retryAfter !== undefined) response.setHeader('retry-after', String(retryAfter));
      sendJson(response, error.status, error.toJson());
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const body = await readBody(request);
    const route = this.#routes.resolve(url.pathname);
    const verb = verbOf(request.method ?? 'GET', route, url.searchParams);
    const userAgent = request.headers['user-agent'] ?? '';
    const { resource, namespace, name, subresource } = route;
    const seen = {
      verb,
      plural: resource.plural,
      path: url.pathname,
      query: url.searchParams,
      userAgent,
      atMs: performance.now(),
    };
    this.requests.push(seen);
    this.onRequest(seen);
    const user = this.access.authenticate(request);
    const trouble = this.faults.take(verb, resource.plural, url.searchParams, name);
    if (trouble !== undefined && befall(trouble, request, response)) return;
    const authorized = subresource === undefined ? resource.plural : `${resource.plural}/${subresource}`;
    this.access.authorize(user, { verb, group: resource.group, resource: authorized, namespace, name });
    if (verb === 'watch') return this.#watch(route, url.searchParams, response, trouble);
    const write: Write = {
      storage: this.storage,
      route,
      query: url.searchParams,
      isPatch: verb === 'patch',
      contentType: request.headers['content-type'] ?? '',
      agent: userAgent.split('/')[0] ?? '',
      body,
    };
    sendJson(response, verb === 'create' ? 201 : 200, this.#act(verb, write));
  }

  #act(verb: string, write: Write): Json {
    switch (verb) {
      case 'get':
        return getObject(this.storage, write.route);
      case 'list':
        return listObjects(this.storage, write.route, write.query);
      case 'create': {
        const created = create(write);
        this.#definitionChanged(write.route, created, true);
        return created;
      }
      case 'update':
        return update(write);
      case 'patch':
        return patch(write);
      default: {
        const before = getObject(this.storage, write.route);
        const status = remove(write);
        this.#definitionChanged(write.route, before, false);
        return status;
      }
    }
  }

  #watch(route: Route, query: URLSearchParams, response: ServerResponse, trouble: Trouble | undefined): void {
    const { storage, watchList, expiredAs } = this;
    const watch = new Watch({ storage, route, query, response, watchList, expiredAs, trouble });
    this.#watches.add(watch);
    response.on('close', () => this.#watches.delete(watch));
  }

  /** A CustomResourceDefinition makes its kind served; its deletion takes the objects along. */
  #definitionChanged(route: Route, definition: StoredObject, isAdded: boolean): void {
    if (route.resource.plural !== 'customresourcedefinitions') return;
    const { group, names, scope, versions } = asJson(definition['spec']);
    const version = asJson(Array.isArray(versions) ? versions[0] : undefined);
    const resource: ServedResource = {
      group: String(group),
      version: String(version['name']),
      plural: String(asJson(names)['plural']),
      kind: String(asJson(names)['kind']),
      isNamespaced: scope === 'Namespaced',
      hasStatus: 'status' in asJson(version['subresources']),
      isCustom: true,
    };
    if (isAdded) return this.#routes.serve(resource);
    for (const object of this.storage.at(resource, this.storage.revision)) this.storage.delete(resource, object);
    this.#routes.unserve(resource);
    for (const watch of this.#watches) if (watch.plural === resource.plural) watch.end();
  }
}

function createServer(tls: TlsSetup | undefined, http2Options: FakeApiServerOptions['http2']): Server {
  if (tls === undefined) return http.createServer();
  const options = {
    cert: tls.server.certificate,
    key: tls.server.key,
    ca: tls.authority.certificate,
    requestCert: true,
    rejectUnauthorized: false,
  };
  if (http2Options === undefined) return https.createServer(options);
  const settings = { maxConcurrentStreams: http2Options.maxStreams };
  // Node gives a session up that holds more than 10 MB, which a list of ten thousand objects does; API servers have no such limit.
  const maxSessionMemory = 1024;
  // Requests and answers of HTTP/2 come in the same shape as those of HTTP/1.1.
  return http2.createSecureServer({ ...options, allowHTTP1: true, settings, maxSessionMemory });
}

/** Returns false when the request is to be served for now, and the trouble comes later. */
function befall(trouble: Trouble, request: IncomingMessage, response: ServerResponse): boolean {
  switch (trouble.kind) {
    case 'status':
      throw new Refusal(
        trouble.status,
        http.STATUS_CODES[trouble.status]?.replaceAll(' ', '') ?? '',
        'a fault was switched on',
        {},
        trouble.retryAfterSeconds,
      );
    case 'page':
      response
        .writeHead(trouble.status, { 'content-type': 'text/html' })
        .end('<html>\n<body>no upstream</body>\n</html>');
      return true;
    case 'hang':
      return true;
    case 'reset':
      cut(request.socket);
      return true;
    case 'truncate':
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end('{"kind":"List","metadata":{"resourceVersion":"1');
      return true;
    case 'stream':
      return false;
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const body = await readText(request);
  if (body === '') return undefined;
  try {
    return JSON.parse(body);
  } catch {
    throw badRequest('the object provided is unrecognized: it is not JSON');
  }
}

function sendJson(response: ServerResponse, status: number, body: Json): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
