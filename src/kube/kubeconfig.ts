import { parseServer, type KubeConfig } from './config.ts';
import { MaterialCredentials, type CredentialMaterial, type CredentialSource, type Material } from './credentials.ts';
import { ExecCredentials, type ExecPlugin } from './exec-plugin.ts';
import { readKubeconfigFiles } from './kubeconfig-files.ts';
import type { Section } from './kubeconfig-section.ts';
import { proxyFor } from './proxy.ts';

export interface KubeconfigChoice {
  /** The context; without it, the `current-context` of the files. */
  readonly contextName?: string | undefined;
  /** Where proxies are found that the files do not name. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/**
 * The configuration that kubeconfig files hold for one of their contexts.
 *
 * What kubectl would obey and this client cannot (auth-provider, impersonation) is refused: going on without it would act as
 * somebody else.
 *
 * @param paths one file, or several as `KUBECONFIG` names them, put together as kubectl does
 * @throws Fault `kube-config` that says what to change
 */
export async function loadKubeconfig(
  paths: string,
  { contextName, environment = process.env }: KubeconfigChoice = {},
): Promise<KubeConfig> {
  const files = await readKubeconfigFiles(paths);
  const name = contextName ?? files.currentContext();
  const context = files.entry('contexts', name, 'context');
  const cluster = files.entry('clusters', context.required('cluster'), 'cluster');
  const userName = context.text('user');
  const user = userName === undefined ? undefined : files.entry('users', userName, 'user');
  refuseUnsupported(user);

  const server = parseServer(cluster.required('server'), `${cluster.where}.server`);
  const proxyUrl = cluster.text('proxy-url');
  const isTlsUnverified = cluster.flag('insecure-skip-tls-verify');
  const authority = cluster.material('certificate-authority', 'certificate-authority-data');
  if (isTlsUnverified && authority !== undefined) {
    throw cluster.fault('has a certificate-authority and insecure-skip-tls-verify: true; keep one of them');
  }
  return {
    origin: `${paths}, context ${name}`,
    server,
    namespace: context.text('namespace') ?? 'default',
    tlsServerName: cluster.text('tls-server-name'),
    isTlsUnverified,
    proxy: proxyFor(
      server,
      proxyUrl === undefined ? undefined : { url: proxyUrl, where: `kubeconfig ${cluster.where}` },
      environment,
    ),
    credentials: await decodeCredentials(cluster, user, authority),
  };
}

function refuseUnsupported(user: Section | undefined): void {
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
    'proxy-url': cluster.text('proxy-url'),
    'certificate-authority-data': authorityPem === undefined ? undefined : Buffer.from(authorityPem).toString('base64'),
    config: cluster.extension('client.authentication.k8s.io/exec'),
  };
}
