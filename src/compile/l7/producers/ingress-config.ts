import { DEFAULT_POLICY, type Ingress, type IngressPolicy } from '../../../model/ingress.ts';
import type { Snapshot } from '../../../model/snapshot.ts';
import type { CompileSettings } from '../../settings.ts';
import { readNginxConfig, type ConfigReading } from '../nginx/config/read.ts';

/** An Ingress with everything that is said of it. */
export interface ServedIngress extends Ingress {
  readonly policy: IngressPolicy;
  /** `namespace/name` of the ConfigMaps that were read for it. */
  readonly configMaps: readonly string[];
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
  { compat }: CompileSettings,
): ServedIngress {
  const said: IngressPolicy = { ...DEFAULT_POLICY, ...config.policy, ...given.policy };
  const isDropped = said.isDropped && compat === 'strict-nginx';
  const policy = { ...said, isClosed: said.isClosed || said.isDropped || config.isClosed };
  return { ...given, ...(isDropped ? { rules: [], defaultBackend: undefined, tls: [] } : {}), policy, configMaps };
}
