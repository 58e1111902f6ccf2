import { DEFAULT_CONTROLLER_CLASS, type CompileSettings } from '../../compile/settings.ts';
import type { EngineSettings } from '../../planes/l7/engine-settings.ts';
import { booleanOf, option, optional, switchOff, switchOn, type FlagsFor } from './flag.ts';
import * as read from './readers.ts';

/** What Ingresses mean. */
export const COMPILE_FLAGS = {
  ingressClass: optional({
    flag: '--ingress-class <name>',
    help: 'class that is served in any case',
    read: read.textOf,
    defaultText: 'sluice',
    isChecked: true,
  }),
  controllerClass: optional({
    flag: '--controller-class <name>',
    help: 'controller of the IngressClasses that are served; give another one to a second Sluice in one cluster',
    read: read.textOf,
    defaultText: DEFAULT_CONTROLLER_CLASS,
    isChecked: true,
  }),
  watchIngressWithoutClass: switchOn({
    flag: '--watch-ingress-without-class',
    help: 'serve Ingresses that name no class',
    isChecked: true,
  }),
  namespaceSelector: optional({
    flag: '--watch-namespace-selector <selector>',
    help: 'serve the Ingresses of namespaces with these labels alone, such as team=shop,!legacy',
    read: read.labelSelectorOf,
    defaultText: 'those of all namespaces',
    isChecked: true,
  }),
  disablesCatchAll: switchOn({
    flag: '--disable-catch-all',
    help: 'serve no Ingress with a defaultBackend, which would get the requests that nobody else wants',
    isChecked: true,
  }),
  defaultBackendService: optional({
    flag: '--default-backend-service <ns/name>',
    help: 'Service for requests that no Ingress wants',
    read: read.namespacedNameOf,
    isChecked: true,
  }),
  defaultCertificateSecret: optional({
    flag: '--default-ssl-certificate <ns/name>',
    help: 'Secret for hosts without a certificate',
    read: read.namespacedNameOf,
    isChecked: true,
  }),
  allowsLocalExternalNames: optional({
    flag: '--local-external-names <allow|deny>',
    help: 'whether ExternalName Services may lead to this machine itself, or to link-local addresses',
    read: read.allowOrDeny,
    defaultText: 'allow with --manifests, else deny',
    isChecked: true,
  }),
  compat: optional({
    flag: '--compat <strict-nginx>',
    help: 'read paths of Ingresses as ingress-nginx does: expressions for a whole host, whatever the case, longest first',
    read: read.oneOf('strict-nginx'),
    defaultText: 'as the Ingress API says',
    isChecked: true,
  }),
  configMap: optional({
    flag: '--configmap <ns/name>',
    help: 'ConfigMap with settings of ingress-nginx for all Ingresses; a change of it takes effect at once',
    read: read.namespacedNameOf,
    isChecked: true,
  }),
  sslRedirect: option({
    flag: '--ssl-redirect <bool>',
    help: 'redirect HTTP to HTTPS on hosts with TLS',
    read: booleanOf,
    default: true,
  }),
  publishService: optional({
    flag: '--publish-service <ns/name>',
    help: 'Service whose addresses are written to the status of Ingresses',
    read: read.namespacedNameOf,
  }),
  publishAddresses: optional({
    flag: '--publish-status-address <ip,...>',
    help: 'addresses to write to the status of Ingresses',
    read: read.publishedOf,
    defaultText: 'in a cluster, the first address of this machine',
  }),
} satisfies FlagsFor<{ readonly [Key in keyof CompileSettings]: CompileSettings[Key] | undefined }>;

/** How HAProxy serves. */
export const ENGINE_FLAGS = {
  httpPort: option({ flag: '--http-port <port>', help: 'port for HTTP', read: read.portOf, default: 8080 }),
  httpsPort: option({ flag: '--https-port <port>', help: 'port for HTTPS', read: read.portOf, default: 8443 }),
  publicHttpsPort: optional({
    flag: '--public-https-port <port>',
    help: 'HTTPS port that clients see, in redirects',
    read: read.portOf,
    defaultText: '443 in a cluster, else --https-port',
  }),
  bindAddresses: option({
    flag: '--bind-address <ip,...>',
    help: 'addresses to listen on',
    read: read.addressesOf,
    default: ['0.0.0.0', '::'],
  }),
  trustedProxies: option({
    flag: '--trusted-proxies <cidr,...>',
    help: 'who may set X-Forwarded-* headers',
    read: read.cidrTextsOf,
    default: [],
  }),
  proxyProtocolSources: option({
    flag: '--proxy-protocol <cidr,...>',
    help: 'balancers that begin every connection with a PROXY protocol header',
    read: read.cidrTextsOf,
    default: [],
  }),
  isHttp3: switchOn({ flag: '--http3', help: 'also serve HTTP/3 on the HTTPS port' }),
  threads: optional({
    flag: '--haproxy-threads <n>',
    help: 'threads of HAProxy',
    read: read.countOf,
    defaultText: 'one per processor',
  }),
  maxConnections: option({
    flag: '--max-connections <n>',
    help: 'connections that HAProxy takes at once',
    read: read.countOf,
    default: 4000,
  }),
  hasAccessLog: switchOff({ flag: '--no-access-log', help: 'no line per request, and no metrics per route' }),
} satisfies FlagsFor<{ readonly [Key in keyof EngineSettings]: EngineSettings[Key] | undefined }>;
