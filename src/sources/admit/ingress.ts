import { domainToASCII } from 'node:url';
import { nearestOf } from '../../lib/nearest.ts';
import { hostnameOf, isDnsSubdomain, type Hostname } from '../../model/grammar.ts';
import type { IngressBackend, IngressPolicy, IngressRule, IngressTls } from '../../model/ingress.ts';
import { keyOf, type ObjectMeta } from '../../model/object.ts';
import type { Change } from '../change.ts';
import { admitAnnotations } from './annotations/register.ts';
import { booleanAnnotation } from './annotations/row.ts';
import { shown, type Field } from './field.ts';
import { admitBackend, admitPath } from './ingress-path.ts';
import { oddCharacterIn } from './odd-characters.ts';

const DEFAULT_CLASS = 'ingressclass.kubernetes.io/is-default-class';

/**
 * Admits an Ingress of `networking.k8s.io/v1`, or of the older versions whose backends have
 * `serviceName` and `servicePort`, whose empty path means all paths, and which have no pathType.
 */
export function admitIngress(raw: Field, meta: ObjectMeta): Change {
  const metadata = raw.at('metadata');
  const spec = raw.at('spec');
  const strays = [...straysIn(raw), ...straysIn(metadata), ...straysIn(spec)];
  const { className: annotatedClass, ...policy } = admitAnnotations(metadata.at('annotations'), strays);
  const defaultBackend = admitDefaultBackend(spec);
  const specClass = spec.at('ingressClassName').text();
  const value = {
    meta,
    className: specClass ?? annotatedClass,
    isClassAnnotated: specClass === undefined && annotatedClass !== undefined,
    defaultBackend,
    rules: admitRules(spec, policy),
    tls: spec.at('tls').flatMap(admitTls),
    policy,
  };
  return { table: 'ingresses', key: keyOf(meta), value };
}

/** Admits an IngressClass. */
export function admitIngressClass(raw: Field, meta: ObjectMeta): Change {
  const isDefault = booleanAnnotation(raw.at('metadata').at('annotations').at(DEFAULT_CLASS)) ?? false;
  const controller = raw.at('spec').at('controller').text() ?? '';
  return { table: 'ingressClasses', key: keyOf(meta), value: { meta, controller, isDefault } };
}

function admitDefaultBackend(spec: Field): IngressBackend | undefined {
  const modern = spec.at('defaultBackend');
  const field = modern.isAbsent ? spec.at('backend') : modern;
  return field.isAbsent ? undefined : admitBackend(field);
}

/** What stands where annotations have no effect, or under a name that is nearly theirs. */
function straysIn(field: Field): readonly Field[] {
  return field.unknownNames.filter((name) => nearestOf(name, ['annotations'])).map((name) => field.at(name));
}

function admitRules(spec: Field, policy: Partial<IngressPolicy>): readonly IngressRule[] {
  const rules = spec.at('rules');
  reportSplitRules(rules.items(), spec);
  return rules.flatMap((rule) => admitRule(rule, policy));
}

/** A host without paths before paths without a host: a dash too many makes two rules of one, and its paths those of every host. */
function reportSplitRules(rules: readonly Field[], spec: Field): void {
  if (!spec.at('defaultBackend').isAbsent || !spec.at('backend').isAbsent) return;
  for (const [index, rule] of rules.entries()) {
    const next = rules[index + 1];
    if (next === undefined || !rule.isObject || !next.isObject) continue;
    if (rule.at('host').isAbsent || !rule.at('http').isAbsent) continue;
    if (!next.at('host').isAbsent || next.at('http').isAbsent) continue;
    const message = `it has a host and no paths, and ${next.path} has paths and no host: these paths are served for every host`;
    rule.add('RuleSplit', message);
  }
}

function admitRule(rule: Field, policy: Partial<IngressPolicy>): readonly IngressRule[] {
  const field = rule.at('host');
  const text = field.text();
  // Read whatever the host is: each mistake is reported at once.
  const paths = rule
    .at('http')
    .at('paths')
    .flatMap((path) => admitPath(path, policy));
  // Of the wrong type, and reported as such: "every host" is not what was meant.
  if (!rule.isObject || (text === undefined && !field.isAbsent)) return [];
  if (text === undefined && rule.unknownNames.length > 0) {
    const message = `there is no host, but ${rule.unknownNames.map(shown).join(', ')}: the rule is left out, rather than served for every host`;
    field.add('HostInvalid', message, 'Write host, in this spelling, or remove what is unknown.');
    return [];
  }
  const host = text === undefined || text === '' ? undefined : admitHost(field, text);
  if (text !== undefined && text !== '' && host === undefined) return [];
  return [{ host, paths }];
}

function admitHost(field: Field, text: string): Hostname | undefined {
  const host = hostnameOf(text);
  if (host !== undefined) return host;
  const odd = oddCharacterIn(text);
  if (odd !== undefined)
    field.add(
      'HostInvalid',
      `${shown(text)} is not a host name: it has ${odd}`,
      'Type the name anew instead of copying it.',
    );
  else field.add('HostInvalid', `${shown(text)} is not a host name`, hostRemedy(text));
  return undefined;
}

function hostRemedy(text: string): string | undefined {
  return text === '*' ? 'Leave host out for a rule of every host.' : asciiRemedy(text);
}

/** Browsers ask for a name with letters beyond ASCII by its ASCII form (RFC 5891), which is what Ingresses and DNS have. */
function asciiRemedy(text: string): string | undefined {
  const ascii = text.length > 254 ? '' : domainToASCII(text);
  return /[^\x00-\x7f]/.test(text) && hostnameOf(ascii) !== undefined ? `Write it in ASCII: ${ascii}` : undefined;
}

function admitTls(entry: Field): readonly IngressTls[] {
  const secretName = entry.at('secretName').text();
  if (secretName !== undefined && secretName !== '' && !isDnsSubdomain(secretName)) {
    const remedy = secretName.includes('/')
      ? 'Write its name alone: the Secret is looked for in the namespace of the Ingress.'
      : undefined;
    entry.at('secretName').add('NameInvalid', `${shown(secretName)} is not the name of a Secret`, remedy);
    return [];
  }
  const listed = entry.at('hosts');
  const hosts = listed.flatMap((field) => {
    const text = field.text();
    const host = text === undefined ? undefined : admitHost(field, text);
    return host === undefined ? [] : [host];
  });
  // Hosts that were given but are all wrong must not turn into "all hosts of the rules".
  if (hosts.length === 0 && (!listed.isEmpty || !entry.isObject)) return [];
  if (listed.isAbsent && entry.unknownNames.some((name) => nearestOf(name, ['hosts']))) {
    listed.add(
      'HostInvalid',
      'there are none, but an unknown field: the entry is left out',
      'Write hosts, in this spelling.',
    );
    return [];
  }
  return [{ hosts, secretName: secretName === '' ? undefined : secretName, field: entry.path }];
}
