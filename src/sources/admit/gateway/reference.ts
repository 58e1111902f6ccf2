import {
  GATEWAY_GROUP,
  type BackendReference,
  type ObjectReference,
  type ParentReference,
} from '../../../model/gateway/reference.ts';
import { isDnsLabel, isDnsSubdomain, isPort } from '../../../model/grammar.ts';
import { shown, type Field } from '../field.ts';

/** What a reference means that does not say it. */
interface ReferenceDefaults {
  readonly group: string;
  readonly kind: string;
}

const SECRET: ReferenceDefaults = { group: '', kind: 'Secret' };
const SERVICE: ReferenceDefaults = { group: '', kind: 'Service' };
const GATEWAY: ReferenceDefaults = { group: GATEWAY_GROUP, kind: 'Gateway' };

/** A `kind`: no grammar of Kubernetes, only letters, digits and dashes. */
const KIND = /^[A-Za-z](?:[-A-Za-z0-9]{0,61}[A-Za-z0-9])?$/;

/** `metadata.generation`, which an API server counts up with every change of `spec`; 0 where nobody counts. */
export function generationOf(raw: Field): number {
  return raw.at('metadata').at('generation').number() ?? 0;
}

/** A reference to an object. Undefined, with a Finding, where nothing can be meant by it. */
export function admitReference(field: Field, defaults: ReferenceDefaults = SECRET): ObjectReference | undefined {
  if (!field.isObject) {
    field.add('ObjectMalformed', 'is not an object with a name');
    return undefined;
  }
  const group = textWithin(field.at('group'), defaults.group, (text) => text === '' || isDnsSubdomain(text));
  const kind = textWithin(field.at('kind'), defaults.kind, (text) => KIND.test(text));
  const name = textWithin(field.at('name'), undefined, isDnsSubdomain);
  const namespaceField = field.at('namespace');
  const namespace = namespaceField.isAbsent ? undefined : textWithin(namespaceField, undefined, isDnsLabel);
  const isUsable = group !== undefined && kind !== undefined && name !== undefined;
  if (!isUsable || (namespace === undefined && !namespaceField.isAbsent)) return undefined;
  return { group, kind, namespace, name, field: field.path };
}

/** A reference to a ConfigMap, Secret or anything else, which has to say what it is. */
export function admitFullReference(field: Field): ObjectReference | undefined {
  return admitReference(field, { group: '', kind: '' });
}

/** A ParentReference. Undefined, with a Finding, where it names nothing. */
export function admitParent(field: Field): ParentReference | undefined {
  const reference = admitReference(field, GATEWAY);
  if (!field.isObject) return undefined;
  const section = field.at('sectionName');
  const sectionName = section.isAbsent ? undefined : textWithin(section, undefined, isDnsSubdomain);
  const portField = field.at('port');
  const port = portField.isAbsent ? undefined : admitPort(portField);
  if (reference === undefined) return undefined;
  // Without the section or the port that it names, it would be attached to more than was meant.
  if (field.unknownNames.length > 0) return undefined;
  if ((sectionName === undefined && !section.isAbsent) || (port === undefined && !portField.isAbsent)) return undefined;
  return { ...reference, sectionName, port };
}

/** A BackendRef, of a Service unless it says otherwise. Undefined, with a Finding, where it names nothing. */
export function admitBackendReference(field: Field): BackendReference | undefined {
  const reference = admitReference(field, SERVICE);
  if (!field.isObject) return undefined;
  const portField = field.at('port');
  const port = portField.isAbsent ? undefined : admitPort(portField);
  const weight = admitWeight(field.at('weight'));
  if (reference === undefined || weight === undefined || (port === undefined && !portField.isAbsent)) return undefined;
  if (port === undefined && reference.group === '' && reference.kind === 'Service') {
    portField.add('PortInvalid', 'there is no port, which a reference to a Service needs');
    return undefined;
  }
  return { ...reference, port, weight };
}

const MAX_WEIGHT = 1_000_000;

function admitWeight(field: Field): number | undefined {
  if (field.isAbsent) return 1;
  const weight = field.number();
  if (weight !== undefined && weight >= 0 && weight <= MAX_WEIGHT) return weight;
  if (weight !== undefined) field.add('ObjectMalformed', `${String(weight)} is not from 0 to ${String(MAX_WEIGHT)}`);
  return undefined;
}

/** A port. Undefined, with a Finding, where it is none. */
export function admitPort(field: Field): number | undefined {
  const port = field.number();
  if (isPort(port)) return port;
  field.add('PortInvalid', port === undefined ? 'there is no port' : `${String(port)} is not a port`);
  return undefined;
}

/** The text of a field, or what it means where it is absent; undefined, with a Finding, for what the grammar does not have. */
export function textWithin(
  field: Field,
  absent: string | undefined,
  isInGrammar: (text: string) => boolean,
): string | undefined {
  const text = field.text();
  if (text !== undefined) {
    if (isInGrammar(text)) return text;
    field.add('NameInvalid', `${shown(text)} cannot be the name of anything`);
    return undefined;
  }
  if (!field.isAbsent) return undefined;
  if (absent === undefined || absent === '') {
    if (absent === '') return absent;
    field.add('ObjectMalformed', 'is missing');
  }
  return absent;
}
