import { BGP_CODES } from './bgp-codes.ts';
import { GATEWAY_CODES } from './gateway-codes.ts';
import type { CodeEntry } from './code-entry.ts';
import { SECRET_CODES } from './secret-codes.ts';

/**
 * Every Finding there is. The key is the reason on Events and in logs; the code never changes its
 * meaning and is never used again. 1xx: the object could not be read; 2xx: Ingress; 3xx: TLS;
 * 4xx: Services and endpoints; 5xx: the source of the objects; 6xx: addresses of load balancers; 7xx: Gateway API;
 * 8xx: BGP; 9xx: what an engine refuses.
 */
export const FINDING_CODES = {
  ManifestUnreadable: {
    code: 'SLU101',
    severity: 'error',
    title: 'A file or folder among the manifests cannot be read, or holds something else than manifests.',
    remedy: 'Correct the file. The objects that it held before keep being served until then.',
  },
  ObjectMalformed: {
    code: 'SLU102',
    severity: 'error',
    title: 'A document is not a Kubernetes object, or a field has the wrong type.',
    remedy: 'Compare the field with the API reference of its kind.',
  },
  ObjectTooLarge: {
    code: 'SLU103',
    severity: 'error',
    title: 'A file or object is larger than the 1 MiB that an API server would take.',
    remedy: 'Split it into smaller objects.',
  },
  NameInvalid: {
    code: 'SLU104',
    severity: 'error',
    title: 'The name or namespace of an object is not one that Kubernetes allows.',
    remedy: 'Use lower-case letters, digits, "-" and ".", at most 253 characters.',
  },
  ObjectDuplicate: {
    code: 'SLU105',
    severity: 'error',
    title: 'Two documents describe the same object.',
    remedy: 'Remove one of the two.',
  },
  FieldUnknown: {
    code: 'SLU106',
    severity: 'warning',
    title: 'An object in a file has a field that its kind does not have; the field has no effect.',
    remedy: 'Compare the name with the API reference of the kind; case counts.',
  },
  HostInvalid: {
    code: 'SLU201',
    severity: 'error',
    title: 'A host is not a DNS name, with or without "*." in front; its rule or TLS entry is left out.',
    remedy: 'Write a DNS name such as shop.example.com or *.example.com, without scheme, port or path.',
  },
  PathInvalid: {
    code: 'SLU202',
    severity: 'error',
    title: 'A path is not absolute or has characters that cannot stand in a URL path; it is left out.',
    remedy: 'Start the path with "/" and percent-encode what RFC 3986 does not allow in a path.',
  },
  PathTypeUnknown: {
    code: 'SLU203',
    severity: 'error',
    title: 'pathType is none of Exact, Prefix, ImplementationSpecific; the path is left out.',
    remedy: 'Set pathType to Prefix unless the path must match as a whole.',
  },
  RegexInvalid: {
    code: 'SLU204',
    severity: 'error',
    title: 'A regular expression does not compile or is too long; its path is left out.',
    remedy: 'Correct the expression: PCRE, anchored at the start of the path, at most 512 characters.',
  },
  BackendResourceUnsupported: {
    code: 'SLU205',
    severity: 'error',
    title: 'A backend names a resource other than a Service; its path answers 503.',
    remedy: 'Name a Service instead of a resource.',
  },
  BackendMissing: {
    code: 'SLU206',
    severity: 'error',
    title: 'A path has no backend that can be used; it answers 503.',
    remedy: 'Add backend.service.name and backend.service.port.',
  },
  ServiceNotFound: {
    code: 'SLU207',
    severity: 'error',
    title: 'A backend names a Service that does not exist; its paths answer 503.',
    remedy: 'Create the Service, or correct the name. A backend is looked for in the namespace of its Ingress.',
  },
  ServicePortNotFound: {
    code: 'SLU208',
    severity: 'error',
    title: 'A backend names a port that its Service does not have; its paths answer 503.',
    remedy: 'Use the number or the name of a port in the spec.ports of the Service.',
  },
  PathConflict: {
    code: 'SLU209',
    severity: 'warning',
    title: 'Another, older Ingress already routes the same host and path.',
    remedy: 'Remove the path from one of the two.',
  },
  IngressClassUnknown: {
    code: 'SLU210',
    severity: 'warning',
    title: 'An Ingress names a class that no IngressClass object defines; nobody serves it.',
    remedy: 'Create the IngressClass, or name one that exists.',
  },
  IngressClassForeign: {
    code: 'SLU211',
    severity: 'warning',
    title: 'An IngressClass in the manifests gives the class of this Ingress to another controller; it is not served.',
    remedy: 'Run with --ingress-class NAME to serve it, or remove the IngressClass.',
  },
  CatchAllDisabled: {
    code: 'SLU251',
    severity: 'warning',
    title: 'An Ingress has a default backend, and --disable-catch-all was given; nothing of it is served.',
    remedy: 'Remove spec.defaultBackend, or run without --disable-catch-all.',
  },
  AnnotationInvalid: {
    code: 'SLU212',
    severity: 'warning',
    title: 'The value of an annotation cannot be understood; the default is used.',
    remedy: 'Correct the value.',
  },
  IngressEmpty: {
    code: 'SLU213',
    severity: 'warning',
    title: 'An Ingress has no usable rule and no default backend; there is nothing to serve.',
    remedy: 'Add spec.rules or spec.defaultBackend, or correct what else is reported of it.',
  },
  AccessRestrictionIgnored: {
    code: 'SLU214',
    severity: 'error',
    title:
      'An Ingress asks by annotations for limits or a firewall that Sluice does not implement; it is served to everybody without them.',
    remedy: 'Protect it elsewhere, such as in the application or a proxy before Sluice; then remove the annotations.',
  },
  AnnotationUnsupported: {
    code: 'SLU215',
    severity: 'warning',
    title: 'An Ingress has annotations of ingress-nginx that Sluice does not implement; they have no effect.',
    remedy: 'Remove them if the Ingress can do without, or let the application do it.',
  },
  AccessRestrictionUnsupported: {
    code: 'SLU216',
    severity: 'error',
    title:
      'An Ingress restricts access by annotations that Sluice does not implement; rather than let everybody in, all of its paths answer 503.',
    remedy:
      'If everybody may come, or something else restricts access (the application, a proxy before Sluice, a firewall), remove the annotations.',
  },
  ConfigMapNotFound: {
    code: 'SLU231',
    severity: 'error',
    title: 'The ConfigMap that --configmap names, or one that it names itself, does not exist; the defaults are used.',
    remedy: 'Create the ConfigMap, or correct the name.',
  },
  ConfigMapUnreadable: {
    code: 'SLU232',
    severity: 'error',
    title:
      'The ConfigMap that --configmap names cannot be read. Who is to be kept out is not known, so that every path of every Ingress answers 503.',
    remedy: 'Grant list and watch of ConfigMaps (deploy/sluice.yaml).',
  },
  ConfigKeyUnknown: {
    code: 'SLU233',
    severity: 'warning',
    title: 'The ConfigMap of --configmap has a key that ingress-nginx does not have; it has no effect.',
    remedy: 'Correct the name, or remove the key.',
  },
  ConfigValueInvalid: {
    code: 'SLU234',
    severity: 'error',
    title: 'A value in the ConfigMap of --configmap cannot be used as it is; the message says what is done instead.',
    remedy: 'Correct the value.',
  },
  ConfigKeyUnsupported: {
    code: 'SLU235',
    severity: 'warning',
    title: 'A key in the ConfigMap of --configmap is one that Sluice does not implement; it has no effect.',
    remedy:
      'Remove the key if you can do without; docs/reference/ingress-nginx-configmap.md says of every key what becomes of it.',
  },
  ConfigRestrictionUnsupported: {
    code: 'SLU236',
    severity: 'error',
    title:
      'A key in the ConfigMap of --configmap restricts access, or may do so, and is not implemented. Rather than let everybody in, every path of every Ingress answers 503.',
    remedy: 'If everybody may come, or something else restricts access, remove the key.',
  },
  CustomHeadersUnusable: {
    code: 'SLU237',
    severity: 'error',
    title: 'The headers of annotation custom-headers cannot be had; as with ingress-nginx, every path answers 503.',
    remedy: 'Correct the ConfigMap, or name its headers under global-allowed-response-headers in that of --configmap.',
  },
  PathWildcard: {
    code: 'SLU217',
    severity: 'warning',
    title:
      'A path ends in "/*" or "/**", which has no special meaning in an Ingress; it matches these characters alone.',
    remedy: 'Write the path without it, with pathType Prefix.',
  },
  RuleSplit: {
    code: 'SLU218',
    severity: 'warning',
    title:
      'An Ingress has a rule with a host and no paths, and next to it one with paths and no host; the paths are served for every host.',
    remedy: 'If both belong together, make one item of the list of them: host and http under one dash.',
  },
  AuthServerNotFound: {
    code: 'SLU219',
    severity: 'error',
    title: 'A Service that is to be asked who may come does not exist, or has no such port; all paths answer 503.',
    remedy: 'Create the Service, or correct the URL: http://NAME.NAMESPACE.svc.cluster.local:PORT/PATH.',
  },
  ...SECRET_CODES,
  ServicePortUnusable: {
    code: 'SLU401',
    severity: 'error',
    title: 'A Service port that a route uses is not TCP; it cannot carry HTTP.',
    remedy: 'Route to a TCP port.',
  },
  ExternalNameUnresolved: {
    code: 'SLU402',
    severity: 'error',
    title: 'The name of an ExternalName Service cannot be resolved; its paths answer 503 until it can.',
    remedy: 'Check the name and the DNS server that this machine uses.',
  },
  AddressInvalid: {
    code: 'SLU403',
    severity: 'error',
    title: 'An address or a range of addresses cannot be used; it is left out.',
    remedy:
      'Write an IPv4 or IPv6 address that packets can go to, or where a range is meant a CIDR such as 192.0.2.0/24.',
  },
  PortInvalid: {
    code: 'SLU404',
    severity: 'error',
    title: 'A port is missing or not valid, or has the number or the name of another port of its Service.',
    remedy: 'Write a port number from 1 to 65535; give each of several ports a name of its own.',
  },
  VirtualAddressConflict: {
    code: 'SLU405',
    severity: 'error',
    title: 'Another, older Service already has this address and port; it is not served under it.',
    remedy: 'Give one of the two another address or port.',
  },
  NodePortConflict: {
    code: 'SLU406',
    severity: 'error',
    title: 'The node port is already allocated to another, older Service; it is not served under it.',
    remedy: 'Give one of the two another nodePort, or none, so that a free one is chosen.',
  },
  NodePortOutOfRange: {
    code: 'SLU407',
    severity: 'error',
    title: 'A node port is not in the valid range; it is not served.',
    remedy: 'Choose one in the range, leave nodePort out, or run with another --service-node-port-range.',
  },
  NodePortUnavailable: {
    code: 'SLU408',
    severity: 'error',
    title: 'No node port is left to give to a Service.',
    remedy: 'Run with a larger --service-node-port-range.',
  },
  ClusterIpUnavailable: {
    code: 'SLU409',
    severity: 'error',
    title: 'A Service cannot be given a ClusterIP of a family that it asks for.',
    remedy: 'Run with a --service-cluster-ip-range of that family, or a larger one, or change ipFamilyPolicy.',
  },
  ExternalIpDenied: {
    code: 'SLU410',
    severity: 'error',
    title: 'An external IP is not among those that the operator allows; it is not served.',
    remedy: 'Ask the operator to run with --external-ips and a range that holds it, or use a LoadBalancer Service.',
  },
  EndpointsTooMany: {
    code: 'SLU411',
    severity: 'error',
    title: 'A Service port has more endpoints than the kernel is given; the rest get no traffic.',
    remedy: 'Split the Service; 32,768 endpoints of a port are served.',
  },
  ClusterIpOutOfRange: {
    code: 'SLU412',
    severity: 'error',
    title: 'A ClusterIP is not in the valid range; it is not served.',
    remedy: 'Choose one in the range, leave clusterIP out, or run with another --service-cluster-ip-range.',
  },
  ExternalNameLocal: {
    code: 'SLU413',
    severity: 'error',
    title:
      'An ExternalName Service leads to the machine that Sluice runs on, or to an address reserved for what surrounds it; no request is sent there.',
    remedy: 'Name a host elsewhere, or ask the operator to run Sluice with --local-external-names allow.',
  },
  EndpointSliceUnowned: {
    code: 'SLU414',
    severity: 'warning',
    title: 'An EndpointSlice does not say which Service it belongs to; nobody uses its endpoints.',
    remedy: 'Set the label kubernetes.io/service-name to the name of the Service.',
  },
  EndpointsMissing: {
    code: 'SLU415',
    severity: 'warning',
    title: 'A Service in a folder of manifests has no EndpointSlice; requests for it are answered 503.',
    remedy:
      'Write an EndpointSlice with the label kubernetes.io/service-name and the addresses of the servers: without a cluster, nobody makes one from the selector.',
  },
  EndpointPortMissing: {
    code: 'SLU416',
    severity: 'error',
    title: 'The endpoints of a Service have no port that fits a port of the Service; requests for it are answered 503.',
    remedy:
      'Give the port of the EndpointSlice the name and the protocol of the port of the Service, or in a cluster correct targetPort.',
  },
  SourceForbidden: {
    code: 'SLU501',
    severity: 'error',
    title: 'The API server does not let Sluice read a kind of object.',
    remedy: 'Grant the verb to the ServiceAccount of Sluice; deploy/ has the ClusterRole.',
  },
  AddressPoolExhausted: {
    code: 'SLU601',
    severity: 'error',
    title: 'All addresses of the pools that a Service may have one of are taken.',
    remedy: 'Add addresses to a pool, or delete a Service that holds one.',
  },
  AddressPoolUnknown: {
    code: 'SLU602',
    severity: 'error',
    title: 'A Service asks for an address pool that does not exist.',
    remedy: 'Create an IPAddressPool of that name, or correct the annotation metallb.io/address-pool.',
  },
  AddressOutsidePools: {
    code: 'SLU603',
    severity: 'error',
    title: 'A Service asks for an address that is in no pool.',
    remedy: 'Add the address to an IPAddressPool, or ask for one that is in a pool.',
  },
  AddressInUse: {
    code: 'SLU604',
    severity: 'error',
    title: 'A Service asks for an address that another Service has.',
    remedy:
      'Ask for another one. To share it, give both Services the same metallb.io/allow-shared-ip and different ports.',
  },
  AddressRequestInvalid: {
    code: 'SLU605',
    severity: 'error',
    title: 'What a Service asks for contradicts itself: two ways to ask, or addresses of the wrong families.',
    remedy: 'Ask in one way, for one address of each IP family that the Service has.',
  },
  AddressFamilyUnavailable: {
    code: 'SLU606',
    severity: 'error',
    title: 'No pool that a Service may use has addresses of its IP family.',
    remedy: 'Add addresses of that family to the pool, or change ipFamilyPolicy.',
  },
  AddressPoolNotForService: {
    code: 'SLU607',
    severity: 'error',
    title: 'A Service asks for a pool, or an address of a pool, that is kept for other Services.',
    remedy: "Ask for another pool, or extend the pool's serviceAllocation.",
  },
  AddressPoolOverlap: {
    code: 'SLU608',
    severity: 'error',
    title:
      'A range of an address pool overlaps one that is listed before it, or one of an older pool, and is left out.',
    remedy: 'Remove the addresses from one of the two.',
  },
  AddressNotAnnounced: {
    code: 'SLU610',
    severity: 'warning',
    title: 'A Service has an address from a pool that no L2Advertisement is for, while there are others.',
    remedy: 'Add the pool to an L2Advertisement, or remove all of them: then every pool is announced by every node.',
  },
  VirtualRoutersExhausted: {
    code: 'SLU611',
    severity: 'error',
    title: 'There are more Services with externalTrafficPolicy Local than virtual router identifiers on a network.',
    remedy:
      'Use externalTrafficPolicy Cluster where the address of the client is not needed, or raise --virtual-routers.',
  },
  AddressDuplicate: {
    code: 'SLU612',
    severity: 'error',
    title:
      'Somebody else on the network answers for an address of a Service. Who was there first is left alone; an address that a node has it keeps.',
    remedy:
      'Find the machine with the hardware address that the message names, and give one of the two another address.',
  },
  AddressPoolMissing: {
    code: 'SLU609',
    severity: 'warning',
    title: 'A Service of type LoadBalancer has no address, and there is no pool to take one from.',
    remedy: 'Create an IPAddressPool, or run with --pool FIRST-LAST.',
  },
  ...GATEWAY_CODES,
  ...BGP_CODES,
  RefusedByHaproxy: {
    code: 'SLU901',
    severity: 'error',
    title:
      'HAProxy refuses an object that looked right; a certificate is replaced by the one before it, requests for anything else are answered 503.',
    remedy: 'Change what HAProxy speaks of, and report the object as a gap in what Sluice checks.',
  },
  RefusedByKernel: {
    code: 'SLU902',
    severity: 'error',
    title: 'The kernel of this node refuses a Service; it stays there as it was. It is tried again every few minutes.',
    remedy: 'Look for what the kernel lacks in its message and in dmesg: memory, or a module of nf_tables.',
  },
} as const satisfies Record<string, CodeEntry>;

/** The name of a Finding: CamelCase, as the reason of an Event must be. */
export type FindingReason = keyof typeof FINDING_CODES;
