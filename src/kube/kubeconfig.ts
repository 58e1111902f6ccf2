import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { CachedFile } from '../lib/cached-file.ts';
import { messageOf } from '../lib/fault.ts';
import { isRecord } from '../lib/is-record.ts';
import { configFault, parseServer, type KubeConfig } from './config.ts';
import {
  fileMaxAgeMs,
  MaterialCredentials,
  type CredentialMaterial,
  type CredentialSource,
  type Material,
} from './credentials.ts';
import { ExecCredentials, type ExecPlugin } from './exec-plugin.ts';

/**
 * The configuration that a kubeconfig file holds for one of its contexts.
 *
 * What kubectl would obey and this client cannot (proxy-url, auth-provider, impersonation) is
 * refused: going on without it would reach another server or act as somebody else.
 *
 * @param path the file; relative paths inside it are relative to its folder
 * @param contextName the context; without it, the file's `current-context`
 * @throws Fault `kube-config` that says what to change
 */
export async function loadKubeconfig(path: string, contextName?: string): Promise<KubeConfig> {
  const root = new Section(path, dirname(resolve(path)), await parse(path));
  const name = contextName ?? root.text('current-context');
  if (name === undefined) throw root.fault('has no current-context; set one with "kubectl config use-context NAME"');
  const context = root.entry('contexts', name, 'context');
  const cluster = root.entry('clusters', context.required('cluster'), 'cluster');
  const userName = context.text('user');
  const user = userName === undefined ? undefined : root.entry('users', userName, 'user');
  refuseUnsupported(cluster, user);

  const server = parseServer(cluster.required('server'), `${cluster.where}.server`);
  const isTlsUnverified = cluster.flag('insecure-skip-tls-verify');
  const authority = cluster.material('certificate-authority', 'certificate-authority-data');
  if (isTlsUnverified && authority !== undefined) {
    throw cluster.fault('has a certificate-authority and insecure-skip-tls-verify: true; keep one of them');
  }
  return {
    origin: `${path}, context ${name}`,
    server,
    namespace: context.text('namespace') ?? 'default',
    tlsServerName: cluster.text('tls-server-name'),
    isTlsUnverified,
    credentials: await decodeCredentials(cluster, user, authority),
  };
}

async function parse(path: string): Promise<Readonly<Record<string, unknown>>> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    throw configFault(`the kubeconfig ${path} cannot be read: ${messageOf(error)}`, error);
  }
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) throw configFault(`the kubeconfig ${path} is not YAML: ${error.message}`, error);
  const value: unknown = document.toJS();
  if (!isRecord(value)) throw configFault(`the kubeconfig ${path} is empty or not a mapping`);
  return value;
}

function refuseUnsupported(cluster: Section, user: Section | undefined): void {
  if (cluster.text('proxy-url') !== undefined) {
    throw cluster.fault(
      'sets proxy-url, which is not supported; make the server reachable directly and remove proxy-url',
    );
  }
  if (user?.has('auth-provider') === true) {
    throw user.fault(
      'sets auth-provider, which Kubernetes removed in 1.26; use the exec plugin of your provider (for example gke-gcloud-auth-plugin or kubelogin)',
    );
  }
  for (const key of ['as', 'as-uid', 'as-groups', 'as-user-extra']) {
    if (user?.has(key) === true) {
      throw user.fault(`sets ${key}: impersonation is not supported; use credentials of the account that is meant`);
    }
  }
}

async function decodeCredentials(
  cluster: Section,
  user: Section | undefined,
  authority: Material | undefined,
): Promise<CredentialSource> {
  if (user === undefined) return new MaterialCredentials({ authority });
  const username = user.text('username');
  const literal = user.text('token');
  const material: CredentialMaterial = {
    authority,
    // As in client-go: the file is the one that is kept up to date, so it wins.
    token: user.material('tokenFile', undefined) ?? (literal === undefined ? undefined : { text: literal }),
    basic: username === undefined ? undefined : { username, password: user.text('password') ?? '' },
    certificate: user.material('client-certificate', 'client-certificate-data'),
    key: user.material('client-key', 'client-key-data'),
  };
  if ((material.certificate === undefined) !== (material.key === undefined)) {
    throw user.fault('has only one of client-certificate and client-key; both are needed');
  }
  const exec = user.section('exec');
  if (exec === undefined || material.token !== undefined || material.basic !== undefined) {
    return new MaterialCredentials(material);
  }
  return new ExecCredentials(await decodeExecPlugin(exec, cluster, authority), new MaterialCredentials(material));
}

async function decodeExecPlugin(exec: Section, cluster: Section, authority: Material | undefined): Promise<ExecPlugin> {
  const apiVersion = exec.required('apiVersion');
  if (!/^client\.authentication\.k8s\.io\/v1(beta1)?$/.test(apiVersion)) {
    throw exec.fault(
      `has apiVersion ${apiVersion}; update the plugin and write client.authentication.k8s.io/v1 (or v1beta1)`,
    );
  }
  if (exec.text('interactiveMode') === 'Always') {
    throw exec.fault(
      'has interactiveMode: Always, but there is no terminal here; use credentials that need nobody to type',
    );
  }
  const { authority: authorityPem } = await new MaterialCredentials({ authority }).current();
  return {
    where: exec.where,
    apiVersion,
    command: exec.command(),
    args: exec.texts('args'),
    env: exec.pairs('env'),
    installHint: exec.text('installHint'),
    cluster: exec.flag('provideClusterInfo') ? clusterInfo(cluster, authorityPem) : undefined,
  };
}

/** What a plugin that wants to know its cluster is told; see ExecCredential in client-authentication.v1. */
function clusterInfo(cluster: Section, authorityPem: string | undefined): Readonly<Record<string, unknown>> {
  return {
    server: cluster.required('server'),
    'tls-server-name': cluster.text('tls-server-name'),
    'insecure-skip-tls-verify': cluster.flag('insecure-skip-tls-verify'),
    'certificate-authority-data': authorityPem === undefined ? undefined : Buffer.from(authorityPem).toString('base64'),
    config: cluster.extension('client.authentication.k8s.io/exec'),
  };
}

/** One mapping inside the file, which knows where it stands so that every complaint can say so. */
class Section {
  readonly where: string;
  readonly #dir: string;
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(where: string, dir: string, fields: Readonly<Record<string, unknown>>) {
    this.where = where;
    this.#dir = dir;
    this.#fields = fields;
  }

  fault(problem: string): Error {
    return configFault(`kubeconfig ${this.where} ${problem}`);
  }

  has(key: string): boolean {
    const value = this.#fields[key];
    return value !== undefined && value !== null && value !== '';
  }

  /** A string field; one that is empty counts as absent, as kubectl writes them. */
  text(key: string): string | undefined {
    if (!this.has(key)) return undefined;
    const value = this.#fields[key];
    if (typeof value !== 'string') throw this.fault(`has a ${key} that is not a string`);
    return value;
  }

  required(key: string): string {
    const value = this.text(key);
    if (value === undefined) throw this.fault(`has no ${key}`);
    return value;
  }

  flag(key: string): boolean {
    const value = this.#fields[key] ?? false;
    if (typeof value !== 'boolean') throw this.fault(`has a ${key} that is neither true nor false`);
    return value;
  }

  texts(key: string): readonly string[] {
    const value = this.#fields[key] ?? [];
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
      throw this.fault(`has ${key} that are not a list of strings`);
    }
    return value;
  }

  /** A list of `{name, value}`, as `env` is. */
  pairs(key: string): Readonly<Record<string, string>> {
    const pairs = this.#sections(key).map((pair) => [pair.required('name'), pair.text('value') ?? ''] as const);
    return Object.fromEntries(pairs);
  }

  section(key: string): Section | undefined {
    if (!this.has(key)) return undefined;
    const value = this.#fields[key];
    if (!isRecord(value)) throw this.fault(`has a ${key} that is not a mapping`);
    return new Section(`${this.where}.${key}`, this.#dir, value);
  }

  #sections(key: string): readonly Section[] {
    const value = this.#fields[key] ?? [];
    if (!Array.isArray(value) || !value.every(isRecord)) throw this.fault(`has ${key} that are not a list of mappings`);
    return value.map((item, index) => new Section(`${this.where}: ${key}[${index}]`, this.#dir, item));
  }

  /** What the list `key` holds under `name`: kubeconfig's way of writing a mapping. */
  entry(key: string, name: string, content: string): Section {
    const found = this.#sections(key).find((item) => item.text('name') === name);
    const section = found?.section(content);
    if (section === undefined) throw this.fault(`has no ${content} ${JSON.stringify(name)} in its ${key}`);
    return section;
  }

  extension(name: string): unknown {
    const found = this.#sections('extensions').find((item) => item.text('name') === name);
    const extension = found?.section('extension');
    return extension === undefined ? undefined : extension.#fields;
  }

  /** Something that is written down in base64 under `dataKey` (which wins) or in the file under `fileKey`. */
  material(fileKey: string, dataKey: string | undefined): Material | undefined {
    const data = dataKey === undefined ? undefined : this.text(dataKey);
    if (data !== undefined) return { text: Buffer.from(data, 'base64').toString('utf8') };
    const file = this.text(fileKey);
    return file === undefined ? undefined : { file: new CachedFile(resolve(this.#dir, file), fileMaxAgeMs) };
  }

  /** The program of an exec plugin: found along PATH, unless it is written as a path. */
  command(): string {
    const command = this.required('command');
    return command.includes('/') ? resolve(this.#dir, command) : command;
  }
}
