import { hostnameOf, ipAddressOf, isDnsLabel, isPort } from '../../model/grammar.ts';
import { keyOf, type ObjectMeta } from '../../model/object.ts';
import type { PublishedAddress, Service, ServicePort, TransportProtocol } from '../../model/service.ts';
import type { Change } from '../change.ts';
import { admitIpAddress } from './address.ts';
import { shown, type Field } from './field.ts';
import { admitLoadBalancer } from './load-balancer.ts';
import { admitOptionalPort, admitTraffic } from './service-traffic.ts';

/** Admits a Service (core/v1). */
export function admitService(raw: Field, meta: ObjectMeta): Change {
  const spec = raw.at('spec');
  const type = admitType(spec.at('type'));
  const value: Service = {
    meta,
    type,
    ports: type === 'ExternalName' ? spec.at('ports').flatMap(admitPort) : admitPorts(spec),
    externalName: type === 'ExternalName' ? admitExternalName(spec.at('externalName')) : undefined,
    publishedAddresses: [
      ...spec.at('externalIPs').flatMap(admitAddress),
      ...raw.at('status').at('loadBalancer').at('ingress').flatMap(admitPublished),
    ],
    traffic: admitTraffic(raw, type),
    loadBalancer: type === 'LoadBalancer' ? admitLoadBalancer(raw) : undefined,
  };
  return { table: 'services', key: keyOf(meta), value };
}

function admitType(field: Field): Service['type'] {
  const type = field.text() ?? 'ClusterIP';
  if (type === 'ClusterIP' || type === 'NodePort' || type === 'LoadBalancer' || type === 'ExternalName') return type;
  field.add('ObjectMalformed', `${shown(type)} is not a type of Service`);
  return 'ClusterIP';
}

/** Those that can be distinguished; an API server refuses the whole Service for the others (ValidateService). */
function admitPorts(spec: Field): readonly ServicePort[] {
  const field = spec.at('ports');
  if (field.isEmpty && spec.at('clusterIP').text() !== 'None')
    field.add('PortInvalid', 'there are no ports, which only a headless Service can do without');
  const fields = field.items();
  const numbers = new Set<string>();
  const names = new Set<string>();
  return field.flatMap((item) =>
    admitPort(item).filter(({ name, port, protocol }) => {
      const number = `${String(port)}/${protocol}`;
      const isNewNumber = !numbers.has(number);
      const isNewName = !names.has(name);
      numbers.add(number);
      names.add(name);
      if (!isNewNumber) item.add('PortInvalid', `another port is ${number} already; this one is left out`);
      else if (name === '' && fields.length > 1)
        item.at('name').add('PortInvalid', `there is no name, and the Service has ${String(fields.length)} ports`);
      else if (!isNewName)
        item.at('name').add('PortInvalid', `another port is named ${shown(name)} already; this one is left out`);
      return isNewNumber && isNewName;
    }),
  );
}

function admitPort(field: Field): readonly ServicePort[] {
  const port = field.at('port').number();
  if (!isPort(port)) {
    field.at('port').add('PortInvalid', port === undefined ? 'there is no port' : `${String(port)} is not a port`);
    return [];
  }
  const protocol = protocolOf(field.at('protocol'));
  const name = field.at('name').text() ?? '';
  const isNamed = name === '' || isDnsLabel(name);
  if (!isNamed) field.at('name').add('PortInvalid', `${shown(name)} is not the name of a port`);
  if (protocol === undefined || !isNamed) return [];
  return [
    {
      name,
      port,
      protocol,
      targetPort: field.at('targetPort').numberOrText(),
      appProtocol: field.at('appProtocol').text(),
      nodePort: admitOptionalPort(field.at('nodePort')),
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
  return admitIpAddress(field).map((ip) => ({ ip }));
}

function admitPublished(field: Field): readonly PublishedAddress[] {
  if (!field.at('ip').isAbsent) return admitAddress(field.at('ip'));
  const hostname = hostnameOf(field.at('hostname').text() ?? '');
  return hostname === undefined ? [] : [{ hostname }];
}
