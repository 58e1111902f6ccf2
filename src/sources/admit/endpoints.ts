import { isDnsSubdomain, isPort } from '../../model/grammar.ts';
import { keyOf, type ObjectMeta } from '../../model/object.ts';
import {
  NO_PLACE,
  type Endpoint,
  type EndpointPort,
  type EndpointSlice,
  type EndpointSubset,
  type Placement,
} from '../../model/service.ts';
import type { Change } from '../change.ts';
import { admitEndpointAddress } from './address.ts';
import { shown, type Field } from './field.ts';
import { HEADLESS_LABEL } from './service-traffic.ts';
import { protocolOf } from './service.ts';

const SERVICE_LABEL = 'kubernetes.io/service-name';

/** Admits an EndpointSlice (discovery.k8s.io/v1). One that no Service owns is not kept. */
export function admitEndpointSlice(raw: Field, meta: ObjectMeta): Change | undefined {
  const service = raw.at('metadata').at('labels').at(SERVICE_LABEL).text();
  const addressType = raw.at('addressType').text() ?? 'IPv4';
  if (service === undefined || !isDnsSubdomain(service)) {
    // In a cluster, slices without a Service are others' own affair.
    if (raw.origin === 'manifest') reportLabel(raw, meta, service);
    return undefined;
  }
  if (addressType === 'FQDN') return undefined;
  const places = new Map<string, Placement>();
  const value: EndpointSlice = {
    meta,
    kind: 'EndpointSlice',
    service,
    isHeadless: isLabelledHeadless(raw),
    subsets: [
      {
        ports: raw.at('ports').flatMap(admitPort),
        endpoints: raw.at('endpoints').flatMap((endpoint) => admitEndpoint(endpoint, places)),
      },
    ],
  };
  return { table: 'endpointSlices', key: keyOf(meta), value };
}

function reportLabel(raw: Field, { name }: ObjectMeta, service: string | undefined): void {
  const label = raw.at('metadata').at('labels').at(SERVICE_LABEL);
  if (service === undefined)
    label.add('EndpointSliceUnowned', 'there is no such label, so that no Service has these endpoints');
  else
    label.add(
      'EndpointSliceUnowned',
      `${shown(service)} is not the name of a Service, so that ${name} belongs to none`,
    );
}

function isLabelledHeadless(raw: Field): boolean {
  return !raw.at('metadata').at('labels').at(HEADLESS_LABEL).isAbsent;
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

function admitEndpoint(field: Field, places: Map<string, Placement>): readonly Endpoint[] {
  const conditions = field.at('conditions');
  const ready = conditions.at('ready').boolean() ?? true;
  const serving = conditions.at('serving').boolean() ?? ready;
  const terminating = conditions.at('terminating').boolean() ?? false;
  const placement = admitPlacement(field, places);
  return field.at('addresses').flatMap((address) => endpointAt(address, { ready, serving, terminating, placement }));
}

/** Endpoints of one place share one object: a hundred thousand of them stand on a few hundred nodes. */
function admitPlacement(field: Field, places: Map<string, Placement>): Placement {
  const namesOf = (list: Field): readonly string[] => list.flatMap((item) => item.at('name').text() ?? []);
  const hints = field.at('hints');
  const place: Placement = {
    nodeName: field.at('nodeName').text(),
    // v1beta1 had the zone among the topology labels (KEP-2030).
    zone: field.at('zone').text() ?? field.at('topology').at('topology.kubernetes.io/zone').text(),
    forZones: namesOf(hints.at('forZones')),
    forNodes: namesOf(hints.at('forNodes')),
  };
  const key = JSON.stringify(place);
  const known = places.get(key) ?? (key === NOWHERE ? NO_PLACE : place);
  places.set(key, known);
  return known;
}

const NOWHERE = JSON.stringify(NO_PLACE);

function endpointAt(
  field: Field,
  { ready, serving, terminating, placement }: Omit<Endpoint, 'address'>,
): readonly Endpoint[] {
  // Written out: a spread would keep what it adds in a second object, and there may be a hundred thousand of these.
  return admitEndpointAddress(field).map((address) => ({ address, ready, serving, terminating, placement }));
}

const READY = { ready: true, serving: true, terminating: false };
const NOT_READY = { ready: false, serving: false, terminating: false };

/** Admits a legacy Endpoints object (core/v1). It has the name of its Service. */
export function admitEndpoints(raw: Field, meta: ObjectMeta): Change {
  const value: EndpointSlice = {
    meta,
    kind: 'Endpoints',
    service: meta.name,
    isHeadless: isLabelledHeadless(raw),
    subsets: raw.at('subsets').items().map(admitSubset),
  };
  return { table: 'endpointSlices', key: `endpoints:${keyOf(meta)}`, value };
}

function admitSubset(subset: Field): EndpointSubset {
  const ready = subset
    .at('addresses')
    .flatMap((item) => endpointAt(item.at('ip'), { ...READY, placement: placeOf(item) }));
  const notReady = subset
    .at('notReadyAddresses')
    .flatMap((item) => endpointAt(item.at('ip'), { ...NOT_READY, placement: placeOf(item) }));
  return { ports: subset.at('ports').flatMap(admitPort), endpoints: [...ready, ...notReady] };
}

function placeOf(address: Field): Placement {
  const nodeName = address.at('nodeName').text();
  return nodeName === undefined ? NO_PLACE : { ...NO_PLACE, nodeName };
}
