import { finding, type Finding } from '../../../model/finding.ts';
import { EVERY_PATH, NO_CONDITIONS } from '../../../model/http/match.ts';
import { objectAt, type ObjectRef } from '../../../model/object.ts';
import type { Service } from '../../../model/service.ts';
import { EMPTY_SNAPSHOT } from '../../../model/snapshot.ts';
import type { Production, RouteProducer } from './producer.ts';

/** What `--default-backend-service` routes: the first TCP port of the Service gets what no object wants. */
export const defaultBackendProducer: RouteProducer = {
  kind: 'default-backend',

  changed(before, after, { defaultBackendService: key }) {
    if (key === undefined) return new Set();
    // That the Service does not exist has to be said of the first Snapshot, too.
    const isFirst = before === EMPTY_SNAPSHOT;
    return isFirst || before.services.get(key) !== after.services.get(key) ? new Set([key]) : new Set();
  },

  produce(key, { services }) {
    const ref = objectAt('Service', key);
    const service = services.get(key);
    const port = service?.ports.find((item) => item.protocol === 'TCP');
    if (service === undefined || port === undefined) return { isOurs: false, findings: [unusable(ref, key, service)] };
    return routeTo(ref, service, port.port);
  },
};

function routeTo(ref: ObjectRef, { meta }: Service, port: number): Production {
  const rule = {
    match: EVERY_PATH,
    conditions: NO_CONDITIONS,
    filters: [],
    target: { kind: 'forward', backend: { namespace: ref.namespace, service: ref.name, port } },
    field: '',
    precedence: 'last-resort',
  } as const;
  const routes = [{ host: undefined, entrance: 'main' as const, rules: [rule] }];
  return {
    isOurs: true,
    routeSet: {
      ref,
      meta,
      routes,
      tls: [],
      secrets: [],
      configMaps: [],
      waitsForSecrets: false,
      services: [],
      findings: [],
    },
  };
}

function unusable(ref: ObjectRef, key: string, service: Service | undefined): Finding {
  const message = `--default-backend-service ${key} ${service === undefined ? 'does not exist' : 'has no TCP port'}`;
  return finding('ServiceNotFound', ref, '', message);
}
