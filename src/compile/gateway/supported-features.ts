/** What works whatever address Gateways have (pkg/features of Gateway API v1.6). Only what the official suite has shown to work stands here. */
const FEATURES: readonly string[] = [
  'BackendTLSPolicy',
  'GRPCRoute',
  'GRPCRouteNamedRouteRule',
  'Gateway',
  'GatewayHTTPListenerIsolation',
  'HTTPRoute',
  'HTTPRoute303RedirectStatusCode',
  'HTTPRoute307RedirectStatusCode',
  'HTTPRoute308RedirectStatusCode',
  'HTTPRouteBackendProtocolH2C',
  'HTTPRouteBackendProtocolWebSocket',
  'HTTPRouteBackendRequestHeaderModification',
  'HTTPRouteBackendTimeout',
  'HTTPRouteCORS',
  'HTTPRouteDestinationPortMatching',
  'HTTPRouteHostRewrite',
  'HTTPRouteMethodMatching',
  'HTTPRouteNamedRouteRule',
  'HTTPRouteParentRefPort',
  'HTTPRoutePathRedirect',
  'HTTPRoutePathRewrite',
  'HTTPRoutePortRedirect',
  'HTTPRouteQueryParamMatching',
  'HTTPRouteRequestTimeout',
  'HTTPRouteResponseHeaderModification',
  'HTTPRouteSchemeRedirect',
  'ReferenceGrant',
];

/** What takes an address for each Gateway. */
const WITH_OWN_ADDRESSES: readonly string[] = [
  'GatewayAddressEmpty',
  'GatewayHTTPSListenerDetectMisdirectedRequests',
  'GatewayInfrastructure',
  'GatewayPort8080',
  'GatewayStaticAddresses',
];

/** `status.supportedFeatures` of a GatewayClass: sorted, and nothing that does not work (GEP-2162). */
export function supportedFeatures(haveOwnAddresses: boolean): readonly string[] {
  return (haveOwnAddresses ? [...FEATURES, ...WITH_OWN_ADDRESSES] : [...FEATURES]).sort();
}
