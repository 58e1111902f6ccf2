import { hostnameOf, ipAddressOf, isPort } from '../../model/grammar.ts';
import { keyOf, type ObjectMeta } from '../../model/object.ts';
import type { PublishedAddress, Service, ServicePort, TransportProtocol } from '../../model/service.ts';
import type { Change } from '../store.ts';
import { shown, type Field } from './field.ts';

/** Admits a Service (core/v1). */
export function admitService(raw: Field, meta: ObjectMeta): Change {
  const spec = raw.at('spec');
  const type = admitType(spec.at('type'));
  const value: Service = {
    meta,
    type,
    ports: spec.at('ports').items().flatMap(admitPort),
    externalName: type === 'ExternalName' ? admitExternalName(spec.at('externalName')) : undefined,
    publishedAddresses: [
      ...spec.at('externalIPs').items().flatMap(admitAddress),
      ...raw.at('status').at('loadBalancer').at('ingress').items().flatMap(admitPublished),
    ],
  };
  return { table: 'services', key: keyOf(meta), value };
}

function admitType(field: Field): Service['type'] {
  const type = field.text() ?? 'ClusterIP';
  if (type === 'ClusterIP' || type === 'NodePort' || type === 'LoadBalancer' || type === 'ExternalName') return type;
  field.add('ObjectMalformed', `${shown(type)} is not a type of Service`);
  return 'ClusterIP';
}

function admitPort(field: Field): readonly ServicePort[] {
  const port = field.at('port').number();
  if (!isPort(port)) {
    field.at('port').add('PortInvalid', port === undefined ? 'there is no port' : `${String(port)} is not a port`);
    return [];
  }
  const protocol = protocolOf(field.at('protocol'));
  if (protocol === undefined) return [];
  return [
    {
      name: field.at('name').text() ?? '',
      port,
      protocol,
      targetPort: field.at('targetPort').numberOrText(),
      appProtocol: field.at('appProtocol').text(),
    },
  ];
}

/** The protocol of a port; TCP where none is given. */
export function protocolOf(field: Field): TransportProtocol | undefined {
  const protocol = field.text() ?? 'TCP';
  if (protocol === 'TCP' || protocol === 'UDP' || protocol === 'SCTP') return protocol;
  field.add('ObjectMalformed', `${shown(protocol)} is not a protocol`);
  return undefined;
}

function admitExternalName(field: Field): string | undefined {
  const text = field.text() ?? '';
  const name = ipAddressOf(text) ?? hostnameOf(text);
  if (name === undefined) field.add('HostInvalid', `${shown(text)} is not a host name`);
  return name;
}

function admitAddress(field: Field): readonly PublishedAddress[] {
  const text = field.text();
  const ip = text === undefined ? undefined : ipAddressOf(text);
  if (ip !== undefined) return [{ ip }];
  if (text !== undefined) field.add('AddressInvalid', `${shown(text)} is not an IP address`);
  return [];
}

function admitPublished(field: Field): readonly PublishedAddress[] {
  if (!field.at('ip').isAbsent) return admitAddress(field.at('ip'));
  const hostname = hostnameOf(field.at('hostname').text() ?? '');
  return hostname === undefined ? [] : [{ hostname }];
}
