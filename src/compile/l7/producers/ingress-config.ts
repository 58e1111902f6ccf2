import { DEFAULT_POLICY, type Ingress, type IngressPolicy } from '../../../model/ingress.ts';
import { finding, type Finding } from '../../../model/finding.ts';
import { headerNameOf, headerValueOf, isEditable, type HeaderField } from '../../../model/http/header.ts';
import type { NginxConfig } from '../../../model/nginx-config.ts';
import { answerAboutConfigMap, type Snapshot } from '../../../model/snapshot.ts';
import type { CompileSettings } from '../../settings.ts';
import { readNginxConfig, type ConfigReading } from '../nginx/config/read.ts';

/** An Ingress with everything that is said of it. */
export interface ServedIngress extends Ingress {
  readonly policy: IngressPolicy;
  /** `namespace/name` of the ConfigMaps that were read for it. */
  readonly configMaps: readonly string[];
  readonly findings: readonly Finding[];
}

/** What the ConfigMap says is read once for all Ingresses that are looked at with one Snapshot. */
export function configOf(snapshot: Snapshot, settings: CompileSettings): ConfigReading {
  const known = readings.get(snapshot);
  if (known?.settings === settings) return known.reading;
  const reading = readNginxConfig(snapshot, settings);
  readings.set(snapshot, { settings, reading });
  return reading;
}

const readings = new WeakMap<Snapshot, { readonly settings: CompileSettings; readonly reading: ConfigReading }>();

/**
 * An Ingress with a value for which ingress-nginx serves nothing of it: nor is it here where that is what is wanted, and otherwise it is
 * closed, so that its requests do not fall to other paths.
 */
export function served(
  given: Ingress,
  { config, configMaps }: ConfigReading,
  snapshot: Snapshot,
  { compat }: CompileSettings,
): ServedIngress {
  const said: IngressPolicy = { ...DEFAULT_POLICY, ...config.policy, ...given.policy };
  const isDropped = said.isDropped && compat === 'strict-nginx';
  const { headers, problem } = customHeadersOf(said, config, snapshot);
  const isClosed = said.isClosed || said.isDropped || config.isClosed || problem !== undefined;
  return {
    ...given,
    ...(isDropped ? { rules: [], defaultBackend: undefined, tls: [] } : {}),
    policy: { ...said, isClosed, responseHeaders: [...said.responseHeaders, ...headers] },
    configMaps: [...configMaps, ...(said.customHeaders === undefined ? [] : [said.customHeaders])],
    findings: problem === undefined ? [] : [customHeadersFinding(given, problem)],
  };
}

interface CustomHeaders {
  readonly headers: readonly HeaderField[];
  /** Why nobody is let in rather than served without. */
  readonly problem: string | undefined;
}

/** The headers in the ConfigMap of `custom-headers`. While it has not been read, nothing of the Ingress is served. */
function customHeadersOf(
  { customHeaders: key }: IngressPolicy,
  { allowedResponseHeaders }: NginxConfig,
  snapshot: Snapshot,
): CustomHeaders {
  if (key === undefined) return { headers: [], problem: undefined };
  const answer = answerAboutConfigMap(snapshot, key);
  if (answer.kind === 'pending') return { headers: [], problem: undefined };
  if (answer.kind === 'absent') return { headers: [], problem: `ConfigMap ${key} does not exist` };
  if (answer.kind === 'unreadable')
    return { headers: [], problem: `ConfigMap ${key} cannot be read: ${answer.message}` };
  const headers: HeaderField[] = [];
  for (const [text, valueText] of answer.value.data) {
    const name = headerNameOf(text);
    const value = headerValueOf(valueText);
    if (name === undefined || value === undefined || !isEditable(name))
      return { headers: [], problem: `ConfigMap ${key} has "${text}", which is no header that can be set` };
    if (!allowedResponseHeaders.has(name))
      return { headers: [], problem: `${text} is not among global-allowed-response-headers of --configmap` };
    headers.push({ name, value });
  }
  return { headers: headers.sort((a, b) => (a.name < b.name ? -1 : 1)), problem: undefined };
}

function customHeadersFinding({ meta }: Ingress, problem: string): Finding {
  const ref = { kind: 'Ingress', namespace: meta.namespace, name: meta.name } as const;
  const field = 'metadata.annotations["nginx.ingress.kubernetes.io/custom-headers"]';
  return finding('CustomHeadersUnusable', ref, field, `${problem}; every path answers 503`);
}
