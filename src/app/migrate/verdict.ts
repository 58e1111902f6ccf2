import type { Finding } from '../../model/finding.ts';
import { aboutAnnotation, type AnnotationFacts } from '../../sources/admit/annotations/register.ts';
import type { ChangedRequests } from './comparison.ts';
import type { WrittenObject } from './inputs.ts';
import { worstOf, type ObjectReport, type Reason, type Verdict } from './report.ts';

/** What is known of an Ingress that decides what a move means for it. */
export interface IngressFacts {
  /** With paths read as ingress-nginx reads them, so that what is left cannot be had. */
  readonly findings: readonly Finding[];
  /** Requests that are answered otherwise, with paths read by the Ingress API, and as ingress-nginx reads them. */
  readonly requests: readonly ChangedRequests[];
  readonly strictRequests: readonly ChangedRequests[];
}

/** Findings about annotations, which the register says more exactly. */
const OF_ANNOTATIONS = new Set(['AnnotationUnsupported', 'AccessRestrictionUnsupported', 'AccessRestrictionIgnored']);

/** What is wrong with an Ingress for ingress-nginx as much as for us. */
const WRONG_FOR_BOTH = new Set(['ServiceNotFound', 'ServicePortNotFound', 'PathConflict', 'IngressEmpty']);

/** What a move means for an Ingress. Pure. */
export function ingressReport(
  object: WrittenObject,
  { findings, requests, strictRequests }: IngressFacts,
): ObjectReport {
  const annotations = Object.entries(object.annotations).map(([name, value]) => ({
    name,
    value,
    facts: aboutAnnotation(name, value),
  }));
  const reasons = [
    ...annotations.flatMap(({ name, value, facts }) => annotationReason(name, value, facts)),
    ...findings.filter(({ reason }) => !OF_ANNOTATIONS.has(reason)).map((item) => findingReason(item, object)),
  ];
  const byRequests: readonly Verdict[] =
    requests.length === 0 ? [] : [strictRequests.length === 0 ? 'same under strict-nginx' : 'differs'];
  return {
    kind: object.kind,
    object: `${object.namespace}/${object.name}`,
    verdict: worstOf([...reasons.map(({ verdict }) => verdict), ...byRequests]),
    reasons,
    requests,
    patch: patchWithout(annotations.filter(({ facts }) => hasNoEffect(facts)).map(({ name }) => name)),
  };
}

/** What a move means for the ConfigMap of the controller. Pure. */
export function configMapReport(object: WrittenObject, findings: readonly Finding[]): ObjectReport {
  const reasons = findings.map(({ reason, field, message, remedy }) => {
    const verdict = field.endsWith('-snippet"]') ? 'dangerous' : (OF_CONFIG[reason] ?? 'same');
    return reasonOf(verdict, field, message, remedy);
  });
  return {
    kind: object.kind,
    object: `${object.namespace}/${object.name}`,
    verdict: worstOf(reasons.map(({ verdict }) => verdict)),
    reasons,
    requests: [],
    patch: undefined,
  };
}

/** Of others, as of a key that ingress-nginx does not have either, nothing follows. */
const OF_CONFIG: Readonly<Record<string, Verdict>> = {
  ConfigKeyUnsupported: 'unsupported',
  ConfigRestrictionUnsupported: 'unsupported',
  ConfigValueInvalid: 'differs',
};

/** Text that becomes configuration. */
const SNIPPET = /-snippet$/;

const SNIPPET_CVES = 'By snippets whoever may write an Ingress reads the Secrets of all (CVE-2021-25742)';

function annotationReason(name: string, value: string, facts: AnnotationFacts | undefined): readonly Reason[] {
  if (facts === undefined) return [];
  const field = `metadata.annotations["${name}"]`;
  const { row, lack } = facts;
  if (row === undefined)
    return [reasonOf('unsupported', field, 'there is no such annotation', 'Correct its name, or remove it.')];
  if (lack === undefined) return [];
  if (SNIPPET.test(name)) {
    const closed =
      lack === 'restriction' ? ' It keeps somebody out, so that every path of the Ingress answers 503.' : '';
    return [reasonOf('dangerous', field, `${row.text} ${SNIPPET_CVES}.${closed}`, insteadOfSnippet(value))];
  }
  return [reasonOf('unsupported', field, `${LACKS[lack]}: ${row.text}`, REMEDIES[lack])];
}

const LACKS = {
  restriction: 'not implemented, so that every path of the Ingress answers 503',
  protection: 'not implemented, so that nothing is held back',
  feature: 'not implemented, without effect',
} as const;

const REMEDIES = {
  restriction: 'Put the restriction before Sluice or into the application before you move this Ingress.',
  protection: 'Put the protection before Sluice or into the application.',
  feature: 'Remove it where nothing depends on it.',
} as const;

/** What has an annotation of its own. */
const DIRECTIVES: readonly (readonly [RegExp, string])[] = [
  [/\b(?:allow|deny)\s/, 'allowlist-source-range and denylist-source-range'],
  [/\breturn\s+30[1278]\b|\brewrite\b[^;]*\b(?:permanent|redirect)\b/, 'permanent-redirect or temporal-redirect'],
  [/\brewrite\s/, 'rewrite-target'],
  [/\bproxy_(?:read|send|connect)_timeout\b/, 'proxy-read-timeout, proxy-send-timeout, proxy-connect-timeout'],
  [/\bclient_max_body_size\b/, 'proxy-body-size'],
  [/\b(?:limit_req|limit_conn)\b/, 'limit-rps, limit-rpm and limit-connections'],
  [/\bproxy_set_header\s+Host\b/i, 'upstream-vhost'],
  [/Access-Control-/i, 'enable-cors and its kin'],
];

function insteadOfSnippet(value: string): string {
  const found = DIRECTIVES.filter(([pattern]) => pattern.test(value)).map(([, instead]) => instead);
  return found.length === 0
    ? 'Do in the application what it does, and remove it.'
    : `Say it by ${found.join('; ')}, and remove it.`;
}

/** By which values have become configuration (CVE-2021-25745, CVE-2023-5044, CVE-2025-1097, CVE-2026-3288 and their kin). */
const INJECTING = /[\n\r;{}#]/;

function findingReason(found: Finding, object: WrittenObject): Reason {
  const annotation = /^metadata\.annotations\["(.*)"\]$/.exec(found.field)?.[1] ?? '';
  const value = object.annotations[annotation] ?? '';
  const isInjecting = found.reason === 'AnnotationInvalid' && INJECTING.test(value);
  const verdict = isInjecting ? 'dangerous' : WRONG_FOR_BOTH.has(found.reason) ? 'same' : 'differs';
  const text = isInjecting ? `${found.message}; it has characters by which values become configuration` : found.message;
  return reasonOf(verdict, found.field, text, found.remedy);
}

function reasonOf(verdict: Verdict, field: string, text: string, remedy: string): Reason {
  return { verdict, field, text, remedy };
}

/** Not what keeps somebody out: without it, nothing would say so any more. */
function hasNoEffect(facts: AnnotationFacts | undefined): boolean {
  if (facts === undefined) return false;
  return facts.row?.support.kind === 'needless' || facts.lack === 'feature';
}

function patchWithout(names: readonly string[]): object | undefined {
  if (names.length === 0) return undefined;
  return { metadata: { annotations: Object.fromEntries(names.map((name) => [name, null])) } };
}
