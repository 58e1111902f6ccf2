import { nearestOf } from '../../../../lib/nearest.ts';
import type { ConfigMap } from '../../../../model/config-map.ts';
import { finding, type Finding } from '../../../../model/finding.ts';
import {
  headerNameOf,
  headerValueOf,
  isEditable,
  isPlainName,
  type HeaderField,
  type HeaderName,
} from '../../../../model/http/header.ts';
import type { EngineConfig } from '../../../../model/http/engine-config.ts';
import { NO_NGINX_CONFIG, type NginxConfig } from '../../../../model/nginx-config.ts';
import { nginxTextOf } from '../../../../model/nginx-text.ts';
import { objectAt, type ObjectRef } from '../../../../model/object.ts';
import { answerAboutConfigMap, type Snapshot } from '../../../../model/snapshot.ts';
import type { CompileSettings } from '../../../settings.ts';
import { compressionOf, ENGINE_KEYS, headerNamesOf, hstsOf, trustOf } from './engine-keys.ts';
import { OTHER_KEYS } from './other-keys.ts';
import { ROUTE_KEYS } from './route-keys.ts';
import type { ConfigChange, ConfigKeyRow } from './row.ts';

/** Every key of the ConfigMap that the house knows. The reference page is made from it, too. */
export const CONFIG_KEYS: readonly ConfigKeyRow[] = [...ROUTE_KEYS, ...ENGINE_KEYS, ...OTHER_KEYS];

/** What `--configmap` leads to. */
export interface ConfigReading {
  readonly config: NginxConfig;
  readonly findings: readonly Finding[];
  /** `namespace/name` of every ConfigMap that was or has to be read for it. */
  readonly configMaps: readonly string[];
  /** Whether one of them has not been read yet. */
  readonly isPending: boolean;
}

type Settings = Pick<CompileSettings, 'configMap' | 'compat'>;

/** What the ConfigMap says, and those that it names. Pure. */
export function readNginxConfig(snapshot: Snapshot, settings: Settings): ConfigReading {
  const { configMap: key } = settings;
  const nothing = { config: usual(settings), findings: [], configMaps: [], isPending: false };
  if (key === undefined) return nothing;
  const ref = objectAt('ConfigMap', key);
  const answer = answerAboutConfigMap(snapshot, key);
  switch (answer.kind) {
    case 'pending':
      return { ...nothing, configMaps: [key], isPending: true };
    case 'absent': {
      const message = `--configmap ${key} does not exist; the defaults are used`;
      return { ...nothing, findings: [finding('ConfigMapNotFound', ref, '', message)], configMaps: [key] };
    }
    case 'unreadable': {
      const message = `--configmap ${key} cannot be read, so that every path of every Ingress answers 503: ${answer.message}`;
      const findings = [finding('ConfigMapUnreadable', ref, '', message)];
      return { ...nothing, config: { ...nothing.config, isClosed: true }, findings, configMaps: [key] };
    }
    case 'found': {
      const { config, findings } = readKeys(answer.value, ref, settings);
      const headers = readHeaders(config, ref, snapshot);
      return {
        config: { ...config, engine: { ...config.engine, ...headers.engine } },
        findings: [...findings, ...headers.findings],
        configMaps: [key, ...headers.configMaps],
        isPending: headers.isPending,
      };
    }
  }
}

/** What holds where the ConfigMap says nothing. */
function usual(settings: Settings): NginxConfig {
  return { ...NO_NGINX_CONFIG, engine: dependent(new Map(), settings) };
}

const SERVER: readonly HeaderName[] = [headerNameOf('server')].flatMap((name) => name ?? []);

function readKeys(
  { data }: ConfigMap,
  ref: ObjectRef,
  settings: Settings,
): { readonly config: NginxConfig; readonly findings: readonly Finding[] } {
  const findings: Finding[] = [];
  let config = NO_NGINX_CONFIG;
  for (const [key, text] of [...data].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const found = readKey(key, text.trim(), ref);
    findings.push(...found.findings);
    config = withChange(config, found.change);
  }
  return { config: withChange(config, { engine: dependent(data, settings) }), findings };
}

function readKey(
  key: string,
  text: string,
  ref: ObjectRef,
): { readonly change: ConfigChange; readonly findings: readonly Finding[] } {
  const field = `data["${key}"]`;
  const row = CONFIG_KEYS.find((item) => isNamed(item, key));
  if (row === undefined) return { change: {}, findings: [finding('ConfigKeyUnknown', ref, field, unknownText(key))] };
  const { support } = row;
  if (support.kind === 'honoured') {
    const findings: Finding[] = [];
    const report = (problem: string): void => {
      findings.push(finding('ConfigValueInvalid', ref, field, `${key}: ${JSON.stringify(text)} ${problem}`));
    };
    return { change: support.read({ text, report }), findings };
  }
  if (support.kind === 'needless' || support.isOff.test(text)) return { change: {}, findings: [] };
  if (support.lack === 'feature') {
    const message = `${key} is not implemented and has no effect. ${row.text}`;
    return { change: {}, findings: [finding('ConfigKeyUnsupported', ref, field, message)] };
  }
  const message = `${key} is not implemented, so that every path of every Ingress answers 503. ${row.text}`;
  return { change: { isClosed: true }, findings: [finding('ConfigRestrictionUnsupported', ref, field, message)] };
}

function withChange(config: NginxConfig, change: ConfigChange): NginxConfig {
  const policy = { ...config.policy, ...change.policy };
  const engine = { ...config.engine, ...change.engine };
  return { ...config, ...change, policy, engine, isClosed: config.isClosed || change.isClosed === true };
}

/** What several keys say together, and what ingress-nginx does by itself where that is what is wanted. */
function dependent(data: ReadonlyMap<string, string>, { compat }: Settings): EngineConfig {
  const get = (key: string): string | undefined => data.get(key)?.trim();
  const isStrict = compat === 'strict-nginx';
  const saysHsts = [...data.keys()].some((key) => key.startsWith('hsts'));
  // ingress-nginx shows a Server header of its own, if any.
  const isServerHidden = isStrict || get('allow-backend-server-header') === 'false';
  const hidden = (get('hide-headers') ?? '')
    .split(',')
    .flatMap((name) => headerNameOf(name.trim()) ?? [])
    .filter(isPlainName);
  const hiddenHeaders = [...(isServerHidden ? SERVER : []), ...hidden];
  return {
    ...(isStrict || saysHsts ? hstsOf(get) : {}),
    ...compressionOf(get),
    ...trustOf(get),
    ...headerNamesOf(get, isStrict),
    ...(hiddenHeaders.length > 0 ? { hiddenHeaders } : {}),
  };
}

/** Headers in ConfigMaps of their own. */
function readHeaders(
  { addHeaders, proxySetHeaders }: NginxConfig,
  ref: ObjectRef,
  snapshot: Snapshot,
): Omit<ConfigReading, 'config'> & { readonly engine: EngineConfig } {
  const findings: Finding[] = [];
  let isPending = false;
  const dataOf = (key: string | undefined, name: string): readonly (readonly [HeaderName, string])[] => {
    if (key === undefined) return [];
    const answer = answerAboutConfigMap(snapshot, key);
    if (answer.kind === 'pending') isPending = true;
    else if (answer.kind !== 'found') {
      const why = answer.kind === 'absent' ? 'does not exist' : `cannot be read: ${answer.message}`;
      findings.push(finding('ConfigMapNotFound', ref, `data["${name}"]`, `ConfigMap ${key} ${why}`));
    }
    if (answer.kind !== 'found') return [];
    return [...answer.value.data]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([text, value]) => {
        const header = headerNameOf(text);
        if (header !== undefined && isEditable(header) && isPlainName(header)) return [[header, value] as const];
        findings.push(
          finding(
            'ConfigValueInvalid',
            ref,
            `data["${name}"]`,
            `ConfigMap ${key}: "${text}" is no header that can be set`,
          ),
        );
        return [];
      });
  };
  const invalid = (name: string, problem: string): void => {
    findings.push(finding('ConfigValueInvalid', ref, `data["${name}"]`, problem));
  };
  const responseHeaders = dataOf(addHeaders, 'add-headers').flatMap(([name, text]): readonly HeaderField[] => {
    const value = headerValueOf(text);
    if (value !== undefined && !text.includes('$')) return [{ name, value }];
    invalid('add-headers', `the value of ${name} has a variable, or what cannot stand in a header; it is left out`);
    return [];
  });
  const requestHeaders = dataOf(proxySetHeaders, 'proxy-set-headers').flatMap(([name, text]) => {
    const found = nginxTextOf(text);
    if ('parts' in found) return [{ name, value: found.parts }];
    invalid('proxy-set-headers', `the value of ${name} ${found.problem}; it is left out`);
    return [];
  });
  return {
    engine: {
      ...(responseHeaders.length > 0 ? { responseHeaders } : {}),
      ...(requestHeaders.length > 0 ? { requestHeaders } : {}),
    },
    findings,
    configMaps: [addHeaders, proxySetHeaders].flatMap((key) => key ?? []),
    isPending,
  };
}

function isNamed({ name }: ConfigKeyRow, key: string): boolean {
  return name.endsWith('*') ? key.startsWith(name.slice(0, -1)) : name === key;
}

function unknownText(key: string): string {
  const meant = nearestOf(
    key,
    CONFIG_KEYS.map(({ name }) => name),
  );
  return `${JSON.stringify(key)} is no key of ingress-nginx${meant === undefined ? '' : `; did you mean "${meant}"?`}`;
}
