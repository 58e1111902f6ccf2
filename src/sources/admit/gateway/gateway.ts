import type {
  AddressWish,
  ClientValidation,
  Gateway,
  Infrastructure,
  Listener,
} from '../../../model/gateway/gateway.ts';
import { isDnsSubdomain } from '../../../model/grammar.ts';
import { keyOf, type ObjectMeta } from '../../../model/object.ts';
import type { Change } from '../../change.ts';
import { shown, type Field } from '../field.ts';
import { admitListener } from './listener.ts';
import { admitFullReference, admitPort, admitReference, generationOf, textWithin } from './reference.ts';

/** Admits a Gateway (gateway.networking.k8s.io/v1). */
export function admitGateway(raw: Field, meta: ObjectMeta): Change {
  const spec = raw.at('spec');
  const tls = spec.at('tls');
  const clientCertificate = tls.at('backend').at('clientCertificateRef');
  const value: Gateway = {
    meta,
    generation: generationOf(raw),
    className: textWithin(spec.at('gatewayClassName'), undefined, isDnsSubdomain) ?? '',
    listeners: admitListeners(spec),
    addresses: spec.at('addresses').flatMap(admitAddress),
    infrastructure: admitInfrastructure(spec.at('infrastructure')),
    clientCertificate: clientCertificate.isAbsent ? undefined : admitReference(clientCertificate),
    clientValidation: admitClientValidation(tls),
  };
  return { table: 'gateways', key: keyOf(meta), value };
}

/** The second of two listeners with one name is left out: routes name listeners, and its conditions would have no place. */
function admitListeners(spec: Field): readonly Listener[] {
  const field = spec.at('listeners');
  if (field.isEmpty) field.add('ObjectMalformed', 'there is no listener');
  const names = new Set<string>();
  return field.flatMap((item) => {
    const listener = admitListener(item);
    if (listener === undefined) return [];
    if (names.has(listener.name)) {
      item.at('name').add('NameInvalid', `another listener of this Gateway is named ${shown(listener.name)}`);
      return [];
    }
    names.add(listener.name);
    return [listener];
  });
}

/** What cannot be read here may be what was to keep somebody out, so that it counts as asking for certificates. */
function admitClientValidation(tls: Field): ClientValidation {
  const frontend = tls.at('frontend');
  const ports = frontend.at('perPort').flatMap((item) => ({
    port: admitPort(item.at('port')),
    isAsked: item.at('tls').isAbsent || isAsking(item.at('tls')),
  }));
  const isAskedByDefault =
    isPartlyUnknown(tls) ||
    isPartlyUnknown(frontend) ||
    isAsking(frontend.at('default')) ||
    !(frontend.at('perPort').isAbsent || frontend.at('perPort').isList) ||
    ports.some(({ port }) => port === undefined);
  return {
    isAskedByDefault,
    perPort: ports.flatMap(({ port, isAsked }) => (port === undefined ? [] : [{ port, isAsked }])),
  };
}

function isAsking(tls: Field): boolean {
  return isPartlyUnknown(tls) || !tls.at('validation').isAbsent;
}

function isPartlyUnknown(field: Field): boolean {
  return !field.isAbsent && (!field.isObject || field.unknownNames.length > 0);
}

function admitAddress(field: Field): readonly AddressWish[] {
  if (!field.isObject) {
    field.add('ObjectMalformed', 'is not an object with type and value');
    return [];
  }
  return [{ type: field.at('type').text() ?? 'IPAddress', value: field.at('value').text() ?? '' }];
}

function admitInfrastructure(field: Field): Infrastructure {
  const parameters = field.at('parametersRef');
  return {
    labels: Object.fromEntries(field.at('labels').texts()),
    annotations: Object.fromEntries(field.at('annotations').texts()),
    parameters: parameters.isAbsent ? undefined : admitFullReference(parameters),
  };
}
