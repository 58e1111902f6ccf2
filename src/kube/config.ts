import { isIPv6 } from 'node:net';
import { join } from 'node:path';
import { readFile } from 'node:fs/promises';
import { CachedFile } from '../lib/cached-file.ts';
import { messageOf } from '../lib/fault.ts';
import { configFault } from './config-fault.ts';
import { fileMaxAgeMs, MaterialCredentials, type CredentialSource } from './credentials.ts';
import { proxyFor } from './proxy.ts';

/** Where the API server is, how to know it, and how to be known by it. */
export interface KubeConfig {
  /** Where this came from, for people: a file and its context, or the pod's service account. */
  readonly origin: string;
  /** With a path when the API is served below one, as some multi-cluster proxies do. */
  readonly server: URL;
  /** The namespace meant when none is named. */
  readonly namespace: string;
  /** The name to ask for (SNI) and to expect in the server's certificate, when it is not the URL's host. */
  readonly tlsServerName?: string | undefined;
  /** True: take any server for the right one. */
  readonly isTlsUnverified: boolean;
  /** The HTTP proxy that leads to the server; undefined: none is needed. */
  readonly proxy?: URL | undefined;
  readonly credentials: CredentialSource;
}

/** Where a pod finds its service account, unless a test says otherwise. */
export interface PodEnvironment {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly serviceAccountDir: string;
}

const thisPod: PodEnvironment = {
  env: process.env,
  serviceAccountDir: '/var/run/secrets/kubernetes.io/serviceaccount',
};

/**
 * The configuration of a process that runs in a pod: its service account.
 *
 * @throws Fault `kube-config` when this is not a pod, or one without a service account token
 */
export async function loadInClusterConfig(pod: PodEnvironment = thisPod): Promise<KubeConfig> {
  const host = pod.env['KUBERNETES_SERVICE_HOST'] ?? '';
  const port = pod.env['KUBERNETES_SERVICE_PORT'] ?? '';
  if (host === '' || port === '') {
    throw configFault(
      'KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not set, so this does not run in a pod; name a kubeconfig file instead',
    );
  }
  const server = parseServer(`https://${isIPv6(host) ? `[${host}]` : host}:${port}`, 'KUBERNETES_SERVICE_HOST');
  const token = new CachedFile(join(pod.serviceAccountDir, 'token'), fileMaxAgeMs);
  const authority = new CachedFile(join(pod.serviceAccountDir, 'ca.crt'), fileMaxAgeMs);
  const credentials = new MaterialCredentials({ token: { file: token }, authority: { file: authority } });
  try {
    await credentials.current();
  } catch (error) {
    throw configFault(`${messageOf(error)}; does the pod set automountServiceAccountToken: false?`, error);
  }
  return {
    origin: `the service account in ${pod.serviceAccountDir}`,
    server,
    namespace: await readNamespace(pod.serviceAccountDir),
    isTlsUnverified: false,
    proxy: proxyFor(server, undefined, pod.env),
    credentials,
  };
}

async function readNamespace(serviceAccountDir: string): Promise<string> {
  try {
    return (await readFile(join(serviceAccountDir, 'namespace'), 'utf8')).trim();
  } catch (error) {
    throw configFault(`the pod's own namespace cannot be read: ${messageOf(error)}`, error);
  }
}

/**
 * The URL of an API server.
 *
 * @param where where it was written, for the message
 * @throws Fault `kube-config`
 */
export function parseServer(text: string, where: string): URL {
  const server = URL.parse(text);
  if (server === null || (server.protocol !== 'https:' && server.protocol !== 'http:')) {
    throw configFault(`${where}: ${JSON.stringify(text)} is not the URL of an API server; write https://HOST:PORT`);
  }
  return server;
}
