import { ipAddressOf, isDnsSubdomain, isPort } from '../../model/grammar.ts';
import { keyOf, type ObjectMeta } from '../../model/object.ts';
import type { Endpoint, EndpointPort, EndpointSlice, EndpointSubset } from '../../model/service.ts';
import type { Change } from '../store.ts';
import { shown, type Field } from './field.ts';
import { protocolOf } from './service.ts';

const SERVICE_LABEL = 'kubernetes.io/service-name';

/** Admits an EndpointSlice (discovery.k8s.io/v1). One that no Service owns is not kept. */
export function admitEndpointSlice(raw: Field, meta: ObjectMeta): Change | undefined {
  const service = raw.at('metadata').at('labels').at(SERVICE_LABEL).text();
  const addressType = raw.at('addressType').text() ?? 'IPv4';
  if (service === undefined || !isDnsSubdomain(service) || addressType === 'FQDN') return undefined;
  const value: EndpointSlice = {
    meta,
    kind: 'EndpointSlice',
    service,
    subsets: [
      {
        ports: raw.at('ports').items().flatMap(admitPort),
        endpoints: raw.at('endpoints').items().flatMap(admitEndpoint),
      },
    ],
  };
  return { table: 'endpointSlices', key: keyOf(meta), value };
}

function admitPort(field: Field): readonly EndpointPort[] {
  const port = field.at('port').number();
  // The API allows a port without number ("all ports"); nothing can be connected to by it.
  if (port === undefined) return [];
  const protocol = protocolOf(field.at('protocol'));
  if (!isPort(port)) field.at('port').add('PortInvalid', `${String(port)} is not a port`);
  if (!isPort(port) || protocol === undefined) return [];
  return [{ name: field.at('name').text() ?? '', port, protocol, appProtocol: field.at('appProtocol').text() }];
}

function admitEndpoint(field: Field): readonly Endpoint[] {
  const conditions = field.at('conditions');
  const ready = conditions.at('ready').boolean() ?? true;
  const serving = conditions.at('serving').boolean() ?? ready;
  const terminating = conditions.at('terminating').boolean() ?? false;
  return field
    .at('addresses')
    .items()
    .flatMap((address) => endpointAt(address, { ready, serving, terminating }));
}

function endpointAt(field: Field, conditions: Omit<Endpoint, 'address'>): readonly Endpoint[] {
  const text = field.text();
  const address = text === undefined ? undefined : ipAddressOf(text);
  if (address !== undefined) return [{ address, ...conditions }];
  if (text !== undefined) field.add('AddressInvalid', `${shown(text)} is not an IP address`);
  return [];
}

const READY = { ready: true, serving: true, terminating: false };
const NOT_READY = { ready: false, serving: false, terminating: false };

/** Admits a legacy Endpoints object (core/v1). It has the name of its Service. */
export function admitEndpoints(raw: Field, meta: ObjectMeta): Change {
  const value: EndpointSlice = {
    meta,
    kind: 'Endpoints',
    service: meta.name,
    subsets: raw.at('subsets').items().map(admitSubset),
  };
  return { table: 'endpointSlices', key: `endpoints:${keyOf(meta)}`, value };
}

function admitSubset(subset: Field): EndpointSubset {
  const ready = subset
    .at('addresses')
    .items()
    .flatMap((item) => endpointAt(item.at('ip'), READY));
  const notReady = subset
    .at('notReadyAddresses')
    .items()
    .flatMap((item) => endpointAt(item.at('ip'), NOT_READY));
  return { ports: subset.at('ports').items().flatMap(admitPort), endpoints: [...ready, ...notReady] };
}
