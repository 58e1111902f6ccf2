import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { Agent, createServer, request, type IncomingHttpHeaders, type Server } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { request as secureRequest } from 'node:https';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { TLSSocket } from 'node:tls';

/** The command in the checkout. */
export const SLUICE = fileURLToPath(new URL('../../bin/sluice', import.meta.url));
const DEADLINE_MS = 20_000;

/** An answer as a client sees it. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** Common name of the certificate that was shown; empty for plain HTTP. */
  readonly certificate: string;
}

/** A free port on 127.0.0.1. Another process could take it before it is used; nobody else does on a test machine. */
export async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  await new Promise<void>((resolve) => server.close(() => resolve()));
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}

/** A backend that says who it is and what it was asked, on 127.0.0.1. */
export class Backend {
  readonly name: string;
  readonly port: number;
  readonly server: Server;

  private constructor(name: string, port: number, server: Server) {
    this.name = name;
    this.port = port;
    this.server = server;
  }

  static async start(name: string, port?: number): Promise<Backend> {
    const server = createServer((incoming, outgoing) => {
      const delayMs = Number(new URL(incoming.url ?? '/', 'http://x').searchParams.get('delay') ?? 0);
      incoming.resume();
      setTimeout(() => {
        outgoing.setHeader('content-type', 'application/json');
        outgoing.end(JSON.stringify({ name, url: incoming.url, headers: incoming.headers }));
      }, delayMs);
    });
    server.keepAliveTimeout = 60_000;
    server.on('upgrade', (_, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n');
      socket.pipe(socket);
    });
    const chosen = port ?? (await freePort());
    server.listen(chosen, '127.0.0.1');
    await once(server, 'listening');
    return new Backend(name, chosen, server);
  }

  /** How many connections there are to it. */
  running(): Promise<number> {
    return new Promise((resolve, reject) =>
      this.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error))),
    );
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}

/** `sluice run` as a user starts it, on a folder and ports of its own. */
export class Lab {
  readonly root: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly apiPort: number;
  output = '';
  /** A file that the access log is written to, instead of being kept in {@link Lab.output}. */
  accessLogFile: string | undefined;
  /** The same for the log of the program. */
  logFile: string | undefined;
  stateDirectory: string;
  #child: ChildProcess | undefined;
  readonly #flags: readonly string[];
  readonly agent = new Agent({ keepAlive: true, maxSockets: 64 });

  private constructor(root: string, ports: readonly [number, number, number], flags: readonly string[]) {
    this.root = root;
    this.stateDirectory = join(root, 'state');
    [this.httpPort, this.httpsPort, this.apiPort] = ports;
    this.#flags = flags;
  }

  /** `sluice run --kubeconfig FILE`; not started yet. */
  static async forCluster(kubeconfig: string, flags: readonly string[] = []): Promise<Lab> {
    const root = await mkdtemp(join(tmpdir(), 'sluice-lab-'));
    return new Lab(
      root,
      [await freePort(), await freePort(), await freePort()],
      // Their backends are ExternalName Services that lead to this machine: the API server refuses endpoints there.
      ['--kubeconfig', kubeconfig, '--local-external-names', 'allow', ...flags],
    );
  }

  /** `sluice run --manifests` on an empty folder; not started yet. */
  static async forFolder(flags: readonly string[] = []): Promise<Lab> {
    const root = await mkdtemp(join(tmpdir(), 'sluice-lab-'));
    const manifests = ['--manifests', join(root, 'manifests')];
    const lab = new Lab(root, [await freePort(), await freePort(), await freePort()], [...manifests, ...flags]);
    await mkdir(lab.manifests);
    return lab;
  }

  static async create(files: Readonly<Record<string, string>>, flags: readonly string[] = []): Promise<Lab> {
    const lab = await Lab.forFolder(flags);
    for (const [name, text] of Object.entries(files)) await lab.write(name, text);
    await lab.start();
    return lab;
  }

  get manifests(): string {
    return join(this.root, 'manifests');
  }

  /** The processes of Sluice and of its HAProxy. */
  async pids(): Promise<readonly number[]> {
    const engine = Number(await readFile(join(this.stateDirectory, 'haproxy.pid'), 'utf8'));
    return [...(this.#child?.pid === undefined ? [] : [this.#child.pid]), engine];
  }

  async start(): Promise<void> {
    this.spawn();
    await this.until('ready', async () => (await this.api('/readyz')).status === 200);
  }

  /** Starts without waiting for anything. */
  spawn(): void {
    const files = [this.accessLogFile, this.logFile].map((file) => (file === undefined ? 'pipe' : openSync(file, 'a')));
    const child = spawn(
      SLUICE,
      [
        'run',
        '--state-dir',
        this.stateDirectory,
        '--bind-address',
        '127.0.0.1',
        // Not the node: many labs share one machine, whose kernel is none of theirs.
        '--role',
        'gateway,controller',
        '--http-port',
        String(this.httpPort),
        '--https-port',
        String(this.httpsPort),
        '--api-address',
        `127.0.0.1:${String(this.apiPort)}`,
        '--log-format',
        'json',
        '--drain-timeout',
        '5',
        ...this.#flags,
      ],
      { stdio: ['ignore', ...files] },
    );
    for (const file of files) if (typeof file === 'number') closeSync(file);
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    this.#child = child;
  }

  /** The process of Sluice. @throws Error before it is started */
  get pid(): number {
    const pid = this.#child?.pid;
    if (pid === undefined) throw new Error('Sluice is not started');
    return pid;
  }

  /** The process of HAProxy. */
  async enginePid(): Promise<number> {
    return Number(await readFile(join(this.stateDirectory, 'haproxy.pid'), 'utf8'));
  }

  /** Sends a signal to Sluice and waits for its end. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill(signal);
    await ended;
  }

  async stop(): Promise<void> {
    // Idle connections would be waited for.
    this.agent.destroy();
    await this.signal('SIGTERM');
    await rm(this.root, { recursive: true, force: true });
  }

  async write(name: string, text: string): Promise<void> {
    await mkdir(dirname(join(this.manifests, name)), { recursive: true });
    await writeFile(join(this.manifests, name), text);
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.manifests, name), { recursive: true });
  }

  get(url: string, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
    const { protocol, hostname, pathname, search } = new URL(url);
    const isSecure = protocol === 'https:';
    const options = {
      host: '127.0.0.1',
      port: isSecure ? this.httpsPort : this.httpPort,
      path: `${pathname}${search}`,
      headers: { host: hostname, ...headers },
      agent: isSecure ? false : this.agent,
      timeout: DEADLINE_MS,
    };
    return new Promise((resolve, reject) => {
      const outgoing = isSecure
        ? secureRequest({ ...options, servername: hostname, rejectUnauthorized: false })
        : request(options);
      outgoing.on('response', (response) => {
        let body = '';
        const certificate = isSecure ? commonNameOf(response.socket) : '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, body, certificate }),
        );
        response.on('error', reject);
      });
      outgoing.on('error', reject);
      outgoing.end();
    });
  }

  async api(path: string): Promise<{ readonly status: number; readonly body: string }> {
    try {
      const response = await fetch(`http://127.0.0.1:${String(this.apiPort)}${path}`);
      return { status: response.status, body: await response.text() };
    } catch {
      // Not listening yet, or not any more.
      return { status: 0, body: '' };
    }
  }

  /** The value of one sample of /metrics. */
  async metric(sample: string): Promise<number> {
    const { body } = await this.api('/metrics');
    const line = body.split('\n').find((item) => item.startsWith(`${sample} `));
    return line === undefined ? Number.NaN : Number(line.slice(sample.length + 1));
  }

  /** How many HAProxy processes had to be replaced since Sluice started. */
  async reloads(): Promise<number> {
    const reasons = ['adopted', 'crashed', 'hung', 'listeners', 'out-of-step'];
    const counts = await Promise.all(
      reasons.map((reason) => this.metric(`sluice_haproxy_reloads_total{reason="${reason}"}`)),
    );
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async until(what: string, condition: () => Promise<boolean>, limitMs: number = DEADLINE_MS): Promise<void> {
    const deadlineMs = Date.now() + limitMs;
    while (Date.now() < deadlineMs) {
      if (await condition().catch(() => false)) return;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    throw new Error(`waited in vain for: ${what}\n${this.output.slice(-4000)}`);
  }
}

function commonNameOf(socket: unknown): string {
  // Only called for responses of node:https, whose socket is a TLSSocket.
  const { subject } = (socket as TLSSocket).getPeerCertificate();
  return String(subject.CN);
}

/** Requests in a loop from some connections until `stop` is called; every answer but 200 counts as failed. */
export class Load {
  sent = 0;
  readonly failures: string[] = [];
  #isStopped = false;
  readonly #workers: Promise<void>[];

  constructor(lab: Lab, urls: readonly string[], workers = 4) {
    this.#workers = Array.from({ length: workers }, async (_, worker) => {
      for (let n = worker; !this.#isStopped; n += 1) {
        const url = urls[n % urls.length] ?? '';
        this.sent += 1;
        try {
          const { status, headers } = await lab.get(url);
          if (status !== 200) this.failures.push(`${url}: ${String(status)} ${JSON.stringify(headers)}`);
        } catch (thrown) {
          this.failures.push(`${url}: ${String(thrown)}`);
        }
      }
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#workers);
  }
}
