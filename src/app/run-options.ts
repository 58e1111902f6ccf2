import { homedir, hostname, networkInterfaces } from 'node:os';
import { join, resolve } from 'node:path';
import type { AddressSettings } from '../compile/addresses/address-plan.ts';
import type { AnnounceSettings } from '../compile/announce/announce-settings.ts';
import type { ListenerPorts } from '../compile/gateway/gateway-settings.ts';
import type { InnerPorts } from '../compile/gateway/inner-ports.ts';
import type { BgpSettings } from '../compile/bgp/bgp-settings.ts';
import type { L4Settings, LocalDetection } from '../compile/l4/l4-settings.ts';
import { DEFAULT_CLASSES, NGINX_CLASS, type CompileSettings } from '../compile/settings.ts';
import { Fault } from '../lib/fault.ts';
import { listenAddressOf } from '../lib/listen-address.ts';
import { ipAddressOf } from '../model/grammar.ts';
import type { PublishedAddress } from '../model/service.ts';
import type { EngineSettings } from '../planes/l7/engine-settings.ts';
import type { RunFlags } from './flags/register.ts';
import { ALLOCATION_FLAGS } from './flags/source-flags.ts';
import type { ReadArgument } from './ingress-nginx/arguments.ts';
import type { KubeconfigChoice, RunOptions, SourceChoice } from './options.ts';
import { ROLES } from './role.ts';

/** How long an HAProxy process that was replaced may finish its connections, in seconds. */
const HARD_STOP_AFTER_S = 600;

/** A user of HAProxy's own that needs no entry in /etc/passwd: it owns no file and runs nothing else. */
const ENGINE_USER = { uid: 61_530, gid: 61_530 };

/** What the parts of the program get of the flags, with the defaults that depend on one another. @throws Fault `usage` for flags that contradict. */
export function runOptionsOf(flags: RunFlags, replacedArguments: readonly ReadArgument[] = []): RunOptions {
  const { program, engine } = flags;
  const source = sourceOf(flags.source);
  const roles = program.roles ?? new Set(ROLES);
  refuseOpenApi(program);
  refuseUnwatched(flags);
  if (source.kind === 'cluster' && source.namespaces !== undefined && flags.compile.namespaceSelector !== undefined)
    throw usageFault('give --watch-namespace or --watch-namespace-selector, not both');
  if (engine.httpPort === engine.httpsPort) throw usageFault('--http-port and --https-port must differ');
  return {
    ...program,
    source,
    roles,
    areRolesExplicit: program.roles !== undefined,
    nodeName: nodeNameOf(flags.l4),
    node: { ...flags.node, podBridge: flags.detection.podBridge, conntrack: flags.conntrack },
    announce: flags.announce,
    bgp: flags.bgp,
    compile: {
      ...compileSettingsOf(flags, source.kind),
      l4: roles.has('node') ? l4SettingsOf(flags) : undefined,
      announce: roles.has('node') && flags.announce.isOn ? announceSettingsOf(flags) : undefined,
      bgp: roles.has('node') && flags.bgp.isOn ? bgpSettingsOf(flags) : undefined,
    },
    engine: { ...engineSettingsOf(engine, source.kind), innerPorts: flags.gateways.innerPorts },
    stateDirectory: stateDirectoryOf(program.stateDirectory),
    replacedArguments,
  };
}

/** The API shows the objects of all tenants, so that only this machine gets to it by itself. */
function refuseOpenApi({ apiAddress, apiTokenFile }: RunFlags['program']): void {
  if (apiTokenFile !== undefined || isLoopback(listenAddressOf(apiAddress).host)) return;
  throw usageFault(
    `--api-address ${apiAddress} would show the objects of all namespaces to whoever gets there: for probes and metrics, give --health-address ${apiAddress} instead; for the API, give --api-token-file FILE too`,
  );
}

/** A Service that is named by a flag is read like any other: in the namespaces that are watched. @throws Fault `usage` */
export function refuseUnwatched({ source: { namespaces }, compile }: Pick<RunFlags, 'source' | 'compile'>): void {
  const named = {
    '--publish-service': compile.publishService,
    '--default-backend-service': compile.defaultBackendService,
    '--configmap': compile.configMap,
  };
  for (const [flag, name] of Object.entries(named)) {
    const [namespace = ''] = name?.split('/') ?? [];
    if (namespaces === undefined || name === undefined || namespaces.includes(namespace)) continue;
    throw usageFault(`${flag} ${name} is in a namespace that is not watched: add ${namespace} to --watch-namespace`);
  }
}

function isLoopback(host: string | undefined): boolean {
  return host === 'localhost' || host === '::1' || (host !== undefined && /^127(?:\.\d{1,3}){3}$/.test(host));
}

function sourceOf(flags: RunFlags['source']): SourceChoice {
  if (flags.manifests !== undefined && flags.kubeconfig !== undefined)
    throw usageFault('give --manifests or --kubeconfig, not both');
  if (flags.manifests !== undefined) return { kind: 'manifests', directory: resolve(flags.manifests) };
  const kubeconfig = kubeconfigOf(flags);
  if (kubeconfig === undefined && flags.context !== undefined)
    throw usageFault('--context names a context of a kubeconfig: give --kubeconfig FILE too, or set KUBECONFIG');
  if (kubeconfig === undefined && !isInPod())
    throw usageFault(
      'say what to serve: a folder with --manifests DIR, or an API server with --kubeconfig FILE. Neither is needed in a pod, which this is not',
    );
  return { kind: 'cluster', kubeconfig, namespaces: flags.namespaces, hasGatewayApi: flags.hasGatewayApi };
}

/** The kubeconfig that is named, else the files that `KUBECONFIG` names; undefined where there is neither. */
export function kubeconfigOf({ kubeconfig, context }: RunFlags['source']): KubeconfigChoice | undefined {
  const paths = kubeconfig ?? process.env['KUBECONFIG'] ?? '';
  return paths === '' ? undefined : { paths, context };
}

/** As kubelet says it to every container. */
function isInPod(): boolean {
  return process.env['KUBERNETES_SERVICE_HOST'] !== undefined;
}

/** What compile needs to know; without what it needs for a kernel, which not every process programs. */
export function compileSettingsOf(flags: RunFlags, source: SourceChoice['kind']): CompileSettings {
  const isGateway = flags.program.roles?.has('gateway') ?? true;
  const { ingressClass, controllerClass, publishAddresses, allowsLocalExternalNames, ...rest } = flags.compile;
  const { isOn: isNginx, isClassByName } = flags.ingressNginx;
  const classes = isNginx ? NGINX_CLASS : DEFAULT_CLASSES;
  return {
    ...rest,
    mode: source === 'manifests' ? 'standalone' : 'cluster',
    ingressClass: ingressClass ?? classes.ingressClass,
    controllerClass: controllerClass ?? classes.controllerClass,
    // ingress-nginx goes by the controller, and its Helm chart names the class in any case.
    isIngressClassExplicit: isNginx ? isClassByName : ingressClass !== undefined,
    // Whoever writes a folder of manifests runs Sluice; in a cluster it is anybody who may create a Service.
    allowsLocalExternalNames: allowsLocalExternalNames ?? source === 'manifests',
    // Of a process that is no gateway the address leads nowhere.
    listenerPorts: listenerPortsOf(flags.engine),
    innerPorts: innerPortsOf(flags, source),
    publishAddresses: publishAddresses ?? (source === 'cluster' && isGateway ? machineAddresses() : []),
    l4: undefined,
    allocation: source === 'manifests' ? flags.allocation : undefined,
    announce: undefined,
    addresses: addressSettingsOf(flags, source),
    recordedRouters: source === 'cluster' && flags.addresses.isOn ? flags.announce.routers : undefined,
    bgp: undefined,
  };
}

/** The ports of listeners that are those of this program: 80 and 443 stand for them, as they do behind a balancer. */
export function listenerPortsOf({ httpPort, httpsPort, publicHttpsPort }: RunFlags['engine']): ListenerPorts {
  return {
    http: [...new Set([80, httpPort])],
    https: [...new Set([443, httpsPort, ...(publicHttpsPort === undefined ? [] : [publicHttpsPort])])],
  };
}

/** Without an API server it is the rules of this machine's kernel that lead to them. */
function innerPortsOf(
  { gateways, program }: Pick<RunFlags, 'gateways' | 'program'>,
  source: SourceChoice['kind'],
): InnerPorts | undefined {
  const canLead = source === 'cluster' || (program.roles?.has('node') ?? true);
  return canLead && !gateways.shareAddresses ? gateways.innerPorts : undefined;
}

function engineSettingsOf(flags: RunFlags['engine'], source: SourceChoice['kind']): Omit<EngineSettings, 'innerPorts'> {
  return {
    ...flags,
    publicHttpsPort: flags.publicHttpsPort ?? (source === 'cluster' ? 443 : flags.httpsPort),
    hardStopAfterS: HARD_STOP_AFTER_S,
    user: process.getuid?.() === 0 ? ENGINE_USER : undefined,
  };
}

/** What compile needs to know of the kernel that is programmed. @throws Fault `usage` for flags that contradict. */
export function l4SettingsOf(flags: Pick<RunFlags, 'l4' | 'detection' | 'allocation'>): L4Settings {
  const { clusterIpRanges } = flags.allocation;
  return {
    ...flags.l4,
    nodeName: nodeNameOf(flags.l4),
    localDetection: detectionOf(flags.detection),
    // Nobody has said that nothing else on the network has addresses in the default.
    clusterIpRanges: clusterIpRanges === ALLOCATION_FLAGS.clusterIpRanges.default ? [] : clusterIpRanges,
  };
}

/** In a cluster another load balancer may be at work: Services are given addresses only where that is said. */
function addressSettingsOf(
  { addresses, announce, bgp }: Pick<RunFlags, 'addresses' | 'announce' | 'bgp'>,
  source: SourceChoice['kind'],
): AddressSettings | undefined {
  const { isOn, ...settings } = addresses;
  const isAlone = source === 'manifests';
  const isAnnounced = announce.isOn || bgp.isOn;
  if (!isAlone && !isOn && !isAnnounced && (settings.pool.length > 0 || settings.className !== undefined))
    throw usageFault(
      'with an API server, --pool and --load-balancer-class are for --load-balancer, --announce and --bgp: give one of these as well',
    );
  return isAlone || isOn ? { ...settings, reportsMissingPools: isAlone } : undefined;
}

function announceSettingsOf(flags: Pick<RunFlags, 'l4' | 'announce' | 'addresses'>): AnnounceSettings {
  const { pool, className } = flags.addresses;
  return { nodeName: nodeNameOf(flags.l4), routers: flags.announce.routers, published: { pool, className } };
}

function bgpSettingsOf(flags: Pick<RunFlags, 'l4' | 'announce' | 'addresses'>): BgpSettings {
  const { pool, className } = flags.addresses;
  return { nodeName: nodeNameOf(flags.l4), isOnlyWay: !flags.announce.isOn, published: { pool, className } };
}

function nodeNameOf({ nodeName }: RunFlags['l4']): string {
  return nodeName ?? hostname().toLowerCase();
}

function detectionOf(flags: RunFlags['detection']): LocalDetection {
  refuseOfOtherModes(flags);
  switch (flags.mode) {
    case 'ClusterCIDR':
      return { mode: 'ClusterCIDR', cidrs: flags.clusterCidrs };
    case 'NodeCIDR':
      return { mode: 'NodeCIDR' };
    case 'BridgeInterface':
      if (flags.podBridge === undefined)
        throw needs('BridgeInterface', '--pod-bridge-interface NAME, the bridge of the pods of this node');
      return { mode: 'BridgeInterface', interface: flags.podBridge };
    case 'InterfaceNamePrefix':
      if (flags.podInterfacePrefix === undefined)
        throw needs(
          'InterfaceNamePrefix',
          '--pod-interface-name-prefix PREFIX, as the interfaces of pods are named here',
        );
      return { mode: 'InterfaceNamePrefix', prefix: flags.podInterfacePrefix };
  }
}

/** A mode looks at one of these flags at most: another would be believed to count. */
function refuseOfOtherModes(flags: RunFlags['detection']): void {
  const given = [
    ['ClusterCIDR', '--cluster-cidr', flags.clusterCidrs.length > 0],
    ['BridgeInterface', '--pod-bridge-interface', flags.podBridge !== undefined],
    ['InterfaceNamePrefix', '--pod-interface-name-prefix', flags.podInterfacePrefix !== undefined],
  ] as const;
  for (const [mode, flag, isGiven] of given) {
    if (!isGiven || mode === flags.mode) continue;
    throw usageFault(
      `${flag} is for --detect-local-mode ${mode}, and the mode is ${flags.mode}: write --detect-local-mode ${mode}, or leave ${flag} out`,
    );
  }
}

function needs(mode: string, flag: string): Fault {
  return usageFault(`--detect-local-mode ${mode} needs ${flag}`);
}

/** The first address of this machine that others can reach: what Ingresses are published under when nothing is said. */
function machineAddresses(): readonly PublishedAddress[] {
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

function usageFault(message: string): Fault {
  return new Fault('usage', message, { retryable: false });
}
