import type {
  AllowedNamespaces,
  AllowedRoutes,
  Listener,
  ListenerTls,
  RouteKind,
} from '../../../model/gateway/gateway.ts';
import { GATEWAY_GROUP } from '../../../model/gateway/reference.ts';
import { hostnameOf, isDnsSubdomain, type Hostname } from '../../../model/grammar.ts';
import { shown, type Field } from '../field.ts';
import { admitLabelSelector } from '../labels.ts';
import { admitPort, admitReference, textWithin } from './reference.ts';

/**
 * One listener. What CRDs refuse is refused here too, since there is no API server in front of a folder: a listener without a name or
 * a port is none, and one whose host cannot be read must not become one for every host.
 */
export function admitListener(field: Field): Listener | undefined {
  if (!field.isObject) {
    field.add('ObjectMalformed', 'is not an object with name, port and protocol');
    return undefined;
  }
  const name = textWithin(field.at('name'), undefined, isDnsSubdomain);
  const port = admitPort(field.at('port'));
  const protocol = textWithin(field.at('protocol'), undefined, (text) => /^[A-Za-z0-9./-]{1,255}$/.test(text));
  const hostField = field.at('hostname');
  const hostname = hostField.isAbsent ? undefined : admitHostname(hostField);
  const tls = admitTls(field, protocol);
  const allowedRoutes = admitAllowedRoutes(field.at('allowedRoutes'));
  if (name === undefined || port === undefined || protocol === undefined) return undefined;
  if ((hostname === undefined && !hostField.isAbsent) || tls === 'refused') return undefined;
  if (field.unknownNames.length > 0) {
    const names = field.unknownNames.map(shown).join(', ');
    field.add('ObjectMalformed', `the listener is left out: without ${names} it might be open to more than it is for`);
    return undefined;
  }
  if (hostname !== undefined && (protocol === 'TCP' || protocol === 'UDP')) {
    hostField.add('HostInvalid', `a listener of protocol ${protocol} sees no host`, 'Leave hostname out.');
    return undefined;
  }
  return { name, hostname, port, protocol, tls, allowedRoutes, field: field.path };
}

/** A host of a listener or of a route, whose grammar is that of Ingress. Undefined, with a Finding, where it is none. */
export function admitHostname(field: Field): Hostname | undefined {
  const text = field.text();
  if (text === undefined) return undefined;
  const host = hostnameOf(text);
  if (host === undefined) field.add('HostInvalid', `${shown(text)} is not a host name`);
  return host;
}

function admitTls(listener: Field, protocol: string | undefined): ListenerTls | undefined | 'refused' {
  const field = listener.at('tls');
  if (field.isAbsent) {
    // TLS says which of its two modes is meant; HTTPS has the one.
    if (protocol !== 'TLS') return protocol === 'HTTPS' ? { mode: 'Terminate', certificates: [] } : undefined;
    field.add('ObjectMalformed', 'is missing, which a listener of protocol TLS needs');
    return 'refused';
  }
  // Such as the frontendValidation of versions before 1.4, which asks clients for certificates.
  if (field.unknownNames.length > 0) {
    const names = field.unknownNames.map(shown).join(', ');
    field.add('ObjectMalformed', `the listener is left out: ${names} might be what keeps somebody out`);
    return 'refused';
  }
  const mode = field.at('mode').text() ?? 'Terminate';
  const certificates = field.at('certificateRefs').flatMap((item) => admitReference(item) ?? []);
  if (mode !== 'Terminate' && mode !== 'Passthrough') {
    field.at('mode').add('ObjectMalformed', `${shown(mode)} is not Terminate or Passthrough`);
    return 'refused';
  }
  if (protocol === 'HTTPS' && mode !== 'Terminate') {
    field
      .at('mode')
      .add('ObjectMalformed', 'has to be Terminate for protocol HTTPS', 'Use protocol TLS to pass TLS through.');
    return 'refused';
  }
  if (protocol === 'HTTP' || protocol === 'TCP' || protocol === 'UDP') {
    field.add('ObjectMalformed', `is not for protocol ${protocol}`, 'Use protocol HTTPS or TLS, or leave tls out.');
    return 'refused';
  }
  return { mode, certificates };
}

function admitAllowedRoutes(field: Field): AllowedRoutes {
  const kinds = field.at('kinds');
  return {
    namespaces: admitNamespaces(field),
    kinds: kinds.isEmpty ? undefined : kinds.flatMap(admitKind),
  };
}

function admitKind(field: Field): readonly RouteKind[] {
  const group = textWithin(field.at('group'), GATEWAY_GROUP, (text) => text === '' || isDnsSubdomain(text));
  const kind = textWithin(field.at('kind'), undefined, (text) => /^[A-Za-z][-A-Za-z0-9]{0,62}$/.test(text));
  // A kind that cannot be read stands for none, so that a list of such kinds does not become one of all.
  return [{ group: group ?? '', kind: kind ?? '' }];
}

function admitNamespaces(allowedRoutes: Field): AllowedNamespaces {
  const field = allowedRoutes.at('namespaces');
  const from = field.at('from').text() ?? 'Same';
  switch (from) {
    case 'Same':
    case 'All':
      return { from };
    case 'Selector': {
      const selectorField = field.at('selector');
      const selector = selectorField.isAbsent ? undefined : admitLabelSelector(selectorField);
      if (selectorField.isAbsent) selectorField.add('ObjectMalformed', 'is missing, which from: Selector needs');
      return selector === undefined ? { from: 'None' } : { from, selector };
    }
    default:
      field.at('from').add('ObjectMalformed', `${shown(from)} is not All, Same or Selector`);
      return { from: 'None' };
  }
}
