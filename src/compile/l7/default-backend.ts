import type { PersistentMap } from '../../lib/persistent-map.ts';
import { finding, type Finding } from '../../model/finding.ts';
import type { HttpRoute } from '../../model/http-route.ts';
import type { ObjectRef } from '../../model/object.ts';
import type { Service } from '../../model/service.ts';
import type { CompileSettings } from '../settings.ts';
import { EVERY_PATH } from './ingress-route.ts';

/** What `--default-backend-service` routes: the first TCP port of the Service gets what no Ingress wants. */
export function defaultBackendRoute(
  services: PersistentMap<Service>,
  settings: CompileSettings,
): { readonly route: HttpRoute | undefined; readonly findings: readonly Finding[] } {
  const key = settings.defaultBackendService;
  if (key === undefined) return { route: undefined, findings: [] };
  const [namespace = '', name = ''] = key.split('/');
  const ref: ObjectRef = { kind: 'Service', namespace, name };
  const service = services.get(key);
  const port = service?.ports.find((item) => item.protocol === 'TCP');
  if (service === undefined || port === undefined) {
    const message = `--default-backend-service ${key} ${service === undefined ? 'does not exist' : 'has no TCP port'}`;
    return { route: undefined, findings: [finding('ServiceNotFound', ref, '', message)] };
  }
  const rule = {
    match: EVERY_PATH,
    filters: [],
    target: { kind: 'forward', backend: { namespace, service: name, port: port.port } },
    field: '',
    isFallback: true,
  } as const;
  // Made last, so that any Ingress' own default backend goes before it.
  return {
    route: { owner: ref, ownerMeta: { ...service.meta, createdMs: Infinity }, host: undefined, rules: [rule] },
    findings: [],
  };
}
