import { Command, Option } from 'commander';
import { homedir, networkInterfaces } from 'node:os';
import { join, resolve } from 'node:path';
import { endOnceWritten } from '../app/ending.ts';
import type { RunOptions, SourceChoice } from '../app/options.ts';
import { startProgram } from '../app/start.ts';
import { ROLES } from '../app/role.ts';
import { Fault } from '../lib/fault.ts';
import type { Cidr } from '../model/cidr.ts';
import { ipAddressOf } from '../model/grammar.ts';
import type { PublishedAddress } from '../model/service.ts';
import { addressesOf, cidrsOf, countOf, keyArgument, listenOn, portOf, publishedOf, secondsOf } from './arguments.ts';
import {
  allocationOf,
  allowsLocalExternalNames,
  l4SettingsOf,
  nodeOptionsOf,
  refuseBesideApiServer,
  refuseWithoutNodeRole,
  withNodeFlags,
  type NodeFlags,
} from './node-flags.ts';

const EXAMPLES = `Examples:
  sluice run --manifests ./manifests
  sluice run --manifests ./manifests --http-port 80 --https-port 443
  sluice run --kubeconfig ~/.kube/config --publish-status-address 192.0.2.10
  sluice run                                     in a pod, as its ServiceAccount
  sluice run --role node --cluster-cidr 10.244.0.0/16 --takeover      in place of kube-proxy
`;

interface RunFlags extends NodeFlags {
  readonly manifests?: string;
  readonly kubeconfig?: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  readonly publicHttpsPort?: number;
  readonly bindAddress: readonly string[];
  readonly apiAddress: string;
  readonly leaseNamespace?: string;
  readonly stateDir?: string;
  readonly ingressClass?: string;
  readonly watchIngressWithoutClass: boolean;
  readonly defaultBackendService?: string;
  readonly defaultSslCertificate?: string;
  readonly sslRedirect: string;
  readonly publishService?: string;
  readonly publishStatusAddress?: readonly PublishedAddress[];
  readonly trustedProxies: readonly Cidr[];
  readonly http3: boolean;
  readonly haproxyPath?: string;
  readonly haproxyThreads?: number;
  readonly maxConnections: number;
  readonly accessLog: boolean;
  readonly logFormat: 'json' | 'text';
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly keepServing: boolean;
  readonly shutdownDelay: number;
  readonly drainTimeout: number;
}

/** `sluice run`. */
export function runCommand(): Command {
  return withNodeFlags(withRunFlags(new Command('run')))
    .description('Serve the Services and Ingresses of a folder of manifests or of a Kubernetes API server.')
    .addHelpText('before', EXAMPLES)
    .action(async (flags: RunFlags, command: Command) => {
      refuseWithoutNodeRole(command);
      const options = runOptions(flags);
      try {
        await startProgram(options, () => {});
      } finally {
        endOnceWritten();
      }
    });
}

function withRunFlags(command: Command): Command {
  return command
    .option('--manifests <dir>', 'folder of Kubernetes YAML and JSON; changes apply as files change')
    .option('--kubeconfig <file>', 'API server to follow; without this and --manifests: the ServiceAccount of the pod')
    .option('--http-port <port>', 'port for HTTP', portOf, 8080)
    .option('--https-port <port>', 'port for HTTPS', portOf, 8443)
    .option(
      '--public-https-port <port>',
      'HTTPS port that clients see, in redirects (default: 443 in a cluster, else --https-port)',
      portOf,
    )
    .option('--bind-address <ip,...>', 'addresses to listen on', addressesOf, ['0.0.0.0', '::'])
    .option(
      '--api-address <host:port>',
      'where health, metrics and the JSON API listen; :PORT is all addresses',
      listenOn,
      '127.0.0.1:9901',
    )
    .option(
      '--state-dir <dir>',
      'where the last good state is kept (default: ~/.local/state/sluice, as root /var/lib/sluice)',
    )
    .option('--ingress-class <name>', 'class that is served in any case (default: sluice)')
    .option('--watch-ingress-without-class', 'serve Ingresses that name no class', false)
    .option('--default-backend-service <ns/name>', 'Service for requests that no Ingress wants', keyArgument)
    .option('--default-ssl-certificate <ns/name>', 'Secret for hosts without a certificate', keyArgument)
    .addOption(
      new Option('--ssl-redirect <bool>', 'redirect HTTP to HTTPS on hosts with TLS')
        .choices(['true', 'false'])
        .default('true'),
    )
    .option(
      '--publish-service <ns/name>',
      'Service whose addresses are written to the status of Ingresses',
      keyArgument,
    )
    .option('--publish-status-address <ip,...>', 'addresses to write to the status of Ingresses', publishedOf)
    .option(
      '--lease-namespace <name>',
      'namespace of the Lease that replicas elect their leader with (default: that of the pod)',
    )
    .option('--trusted-proxies <cidr,...>', 'who may set X-Forwarded-* headers', cidrsOf, [])
    .option('--http3', 'also serve HTTP/3 on the HTTPS port', false)
    .option('--haproxy-path <file>', 'HAProxy 3.4.7 or newer to drive')
    .option('--haproxy-threads <n>', 'threads of HAProxy (default: one per processor)', countOf)
    .option('--max-connections <n>', 'connections that HAProxy takes at once', countOf, 4000)
    .option('--no-access-log', 'no line per request, and no metrics per route')
    .addOption(
      new Option('--log-format <format>', 'how the log is written')
        .choices(['json', 'text'])
        .default(process.stderr.isTTY ? 'text' : 'json', 'text on a terminal, json elsewhere'),
    )
    .addOption(
      new Option('--log-level <level>', 'the least important lines that are written')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .option('--keep-serving', 'leave HAProxy serving when Sluice ends, for restarts', false)
    .option('--shutdown-delay <seconds>', 'keep taking connections this long after SIGTERM, not ready', secondsOf, 0)
    .option('--drain-timeout <seconds>', 'let running requests end for this long', secondsOf, 30);
}

/** Turns flags into options, with the defaults that depend on one another. @throws Fault for flags that contradict. */
export function runOptions(flags: RunFlags): RunOptions {
  if (flags.manifests !== undefined && flags.kubeconfig !== undefined) {
    throw new Fault('usage', 'give --manifests or --kubeconfig, not both', { retryable: false });
  }
  if (flags.manifests === undefined && flags.kubeconfig === undefined && !isInPod())
    throw new Fault(
      'usage',
      'say what to serve: a folder with --manifests DIR, or an API server with --kubeconfig FILE. Neither is needed in a pod, which this is not',
      { retryable: false },
    );
  if (flags.httpPort === flags.httpsPort)
    throw new Fault('usage', '--http-port and --https-port must differ', { retryable: false });
  if (flags.manifests === undefined) refuseBesideApiServer(flags);
  const source: SourceChoice =
    flags.manifests === undefined
      ? { kind: 'cluster', kubeconfig: flags.kubeconfig }
      : { kind: 'manifests', directory: resolve(flags.manifests) };
  const isRoot = process.getuid?.() === 0;
  const roles = flags.role ?? new Set(ROLES);
  return {
    source,
    roles,
    areRolesExplicit: flags.role !== undefined,
    node: nodeOptionsOf(flags),
    compile: {
      mode: source.kind === 'manifests' ? 'standalone' : 'cluster',
      ingressClass: flags.ingressClass ?? 'sluice',
      isIngressClassExplicit: flags.ingressClass !== undefined,
      watchIngressWithoutClass: flags.watchIngressWithoutClass,
      defaultBackendService: flags.defaultBackendService,
      defaultCertificateSecret: flags.defaultSslCertificate,
      allowsLocalExternalNames: allowsLocalExternalNames(flags, source.kind === 'manifests'),
      sslRedirect: flags.sslRedirect === 'true',
      publishService: flags.publishService,
      publishAddresses: flags.publishStatusAddress ?? (source.kind === 'cluster' ? nodeAddresses() : []),
      l4: roles.has('node') ? l4SettingsOf(flags) : undefined,
      allocation: source.kind === 'manifests' ? allocationOf(flags) : undefined,
    },
    engine: {
      bindAddresses: flags.bindAddress,
      httpPort: flags.httpPort,
      httpsPort: flags.httpsPort,
      publicHttpsPort: flags.publicHttpsPort ?? (source.kind === 'cluster' ? 443 : flags.httpsPort),
      isHttp3: flags.http3,
      trustedProxies: flags.trustedProxies.map(({ text }) => text),
      hasAccessLog: flags.accessLog,
      threads: flags.haproxyThreads,
      maxConnections: flags.maxConnections,
      hardStopAfterS: 600,
      user: isRoot ? ENGINE_USER : undefined,
    },
    haproxyPath: flags.haproxyPath,
    stateDirectory: stateDirectoryOf(flags.stateDir),
    leaseNamespace: flags.leaseNamespace,
    apiAddress: flags.apiAddress,
    logFormat: flags.logFormat,
    logLevel: flags.logLevel,
    hasAccessLog: flags.accessLog,
    keepsServing: flags.keepServing,
    shutdownDelayMs: flags.shutdownDelay * 1000,
    drainMs: flags.drainTimeout * 1000,
  };
}

/** As kubelet says it to every container. */
function isInPod(): boolean {
  return process.env['KUBERNETES_SERVICE_HOST'] !== undefined;
}

/** A user of HAProxy's own that needs no entry in /etc/passwd: it owns no file and runs nothing else. */
const ENGINE_USER = { uid: 61_530, gid: 61_530 };

/** The first address of this machine that others can reach: what Ingresses are published under when nothing is said. */
function nodeAddresses(): readonly PublishedAddress[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const found =
    all.find((item) => !item.internal && item.family === 'IPv4') ??
    all.find((item) => !item.internal && !item.address.startsWith('fe80'));
  const ip = found === undefined ? undefined : ipAddressOf(found.address);
  return ip === undefined ? [] : [{ ip }];
}

/** Where state is kept: as said, or else where programs of this user keep it. */
export function stateDirectoryOf(given: string | undefined): string {
  if (given !== undefined) return resolve(given);
  if (process.getuid?.() === 0) return '/var/lib/sluice';
  return join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'sluice');
}
