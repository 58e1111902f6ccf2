import { execFile } from 'node:child_process';
import { Fault } from '../lib/fault.ts';
import { isRecord } from '../lib/is-record.ts';
import type { Credentials, CredentialSource } from './credentials.ts';

/** A program that a kubeconfig names as the source of credentials. */
export interface ExecPlugin {
  /** Where it is written, for messages. */
  readonly where: string;
  readonly apiVersion: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What to tell people who do not have the program. */
  readonly installHint: string | undefined;
  /** What the plugin is told about the cluster, when it wants to know. */
  readonly cluster: Readonly<Record<string, unknown>> | undefined;
}

/** Long enough for a plugin that asks a cloud's slow token service, short enough to be noticed. */
const pluginTimeoutMs = 60_000;

interface Issued {
  readonly credentials: Credentials;
  /** Milliseconds of the wall clock after which they are no longer good; never, when undefined. */
  readonly expiresAtMs: number | undefined;
}

/**
 * Credentials that a program issues (`users[].user.exec`): kept until their expirationTimestamp or
 * until the server refuses them. One run at a time serves everybody who waits.
 */
export class ExecCredentials implements CredentialSource {
  readonly #plugin: ExecPlugin;
  readonly #base: CredentialSource;
  readonly #nowMs: () => number;
  #issued: Issued | undefined;
  #running: Promise<Issued> | undefined;

  /**
   * @param base what the kubeconfig says besides: the server's authority, a client certificate
   * @param nowMs the wall clock
   */
  constructor(plugin: ExecPlugin, base: CredentialSource, nowMs: () => number = Date.now) {
    this.#plugin = plugin;
    this.#base = base;
    this.#nowMs = nowMs;
  }

  async current(): Promise<Credentials> {
    if (this.#issued === undefined || (this.#issued.expiresAtMs ?? Infinity) <= this.#nowMs()) {
      this.#running ??= runPlugin(this.#plugin).finally(() => {
        this.#running = undefined;
      });
      this.#issued = await this.#running;
    }
    const issued = this.#issued.credentials;
    const base = await this.#base.current();
    return {
      authority: base.authority,
      authorization: issued.authorization,
      certificate: issued.certificate ?? base.certificate,
      key: issued.key ?? base.key,
    };
  }

  reject(refused: Credentials): void {
    this.#base.reject(refused);
    // Ten requests may have failed with the same token: only the first of them throws it away.
    const current = this.#issued?.credentials;
    if (current?.authorization === refused.authorization) this.#issued = undefined;
  }
}

async function runPlugin(plugin: ExecPlugin): Promise<Issued> {
  const info = {
    apiVersion: plugin.apiVersion,
    kind: 'ExecCredential',
    spec: { interactive: false, cluster: plugin.cluster },
  };
  const env = { ...process.env, ...plugin.env, KUBERNETES_EXEC_INFO: JSON.stringify(info) };
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const options = { env, timeout: pluginTimeoutMs, maxBuffer: 1024 * 1024 };
  const child = execFile(plugin.command, plugin.args, options, (error, stdout, stderr) => {
    if (error === null) resolve(stdout);
    else reject(pluginFault(plugin, runProblem(plugin, error, stderr), error));
  });
  // There is nobody to answer a prompt: let the plugin see the end of its input at once.
  child.stdin?.end();
  return decodeIssued(plugin, await promise);
}

function runProblem(plugin: ExecPlugin, error: Error, stderr: string): string {
  if ('code' in error && error.code === 'ENOENT') {
    return `${plugin.command} is not installed. ${plugin.installHint ?? 'Install it or put it on the PATH.'}`;
  }
  const said = stderr.trim().split('\n').slice(-3).join(' / ');
  return `${plugin.command} failed: ${said === '' ? error.message : said}`;
}

function decodeIssued(plugin: ExecPlugin, stdout: string): Issued {
  const answer = parseAnswer(plugin, stdout);
  if (answer['kind'] !== 'ExecCredential' || answer['apiVersion'] !== plugin.apiVersion) {
    const said = `${String(answer['apiVersion'])} ${String(answer['kind'])}`;
    throw pluginFault(plugin, `${plugin.command} answered with ${said} instead of ${plugin.apiVersion} ExecCredential`);
  }
  const status = isRecord(answer['status']) ? answer['status'] : {};
  const token = text(status['token']);
  const certificate = text(status['clientCertificateData']);
  const key = text(status['clientKeyData']);
  if (token === undefined && (certificate === undefined || key === undefined)) {
    throw pluginFault(plugin, `${plugin.command} answered without a token or a client certificate with its key`);
  }
  return {
    credentials: { authorization: token === undefined ? undefined : `Bearer ${token}`, certificate, key },
    expiresAtMs: decodeExpiry(plugin, text(status['expirationTimestamp'])),
  };
}

function parseAnswer(plugin: ExecPlugin, stdout: string): Readonly<Record<string, unknown>> {
  try {
    const answer: unknown = JSON.parse(stdout);
    if (isRecord(answer)) return answer;
  } catch (error) {
    // JSON.parse quotes its input in the message, and the input is a credential: it must not travel on.
    throw pluginFault(
      plugin,
      `${plugin.command} did not answer in JSON (${error instanceof Error ? error.name : 'error'})`,
    );
  }
  throw pluginFault(plugin, `${plugin.command} answered with JSON that is not an object`);
}

function decodeExpiry(plugin: ExecPlugin, timestamp: string | undefined): number | undefined {
  if (timestamp === undefined) return undefined;
  const expiresAtMs = Date.parse(timestamp);
  if (Number.isNaN(expiresAtMs)) {
    throw pluginFault(plugin, `${plugin.command} answered with an expirationTimestamp that is not a time`);
  }
  return expiresAtMs;
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function pluginFault(plugin: ExecPlugin, problem: string, cause?: unknown): Fault {
  return new Fault('kube-exec-plugin', `kubeconfig ${plugin.where}: ${problem}`, { cause });
}
