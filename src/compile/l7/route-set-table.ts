import type { Finding } from '../../model/finding.ts';
import type { RouteSet } from '../../model/http/route-set.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { Secret } from '../../model/secret.ts';
import { asBefore, type Snapshot } from '../../model/snapshot.ts';
import { DependencyIndex } from '../dependency-index.ts';
import type { CompileSettings } from '../settings.ts';
import { servedOf } from './continuity.ts';
import { defaultBackendProducer } from './producers/default-backend.ts';
import { gatewayProducer } from './producers/gateway.ts';
import { grpcRouteProducer, httpRouteProducer } from './producers/http-route.ts';
import { ingressProducer } from './producers/ingress.ts';
import type { RouteProducer } from './producers/producer.ts';

/** One a kind of object that routes. Their kinds begin their keys, so that no two are equal. */
const PRODUCERS: readonly RouteProducer[] = [
  ingressProducer,
  defaultBackendProducer,
  gatewayProducer,
  httpRouteProducer,
  grpcRouteProducer,
];

/** Begin the keys of Secrets and ConfigMaps among those of all objects. */
const SECRET_PREFIX = 'Secret/';
const CONFIG_MAP_PREFIX = 'ConfigMap/';

/** What a change of the Snapshot did to the RouteSets. */
export interface RouteSetChange {
  /** Keys of the RouteSets that were made anew, or are gone. */
  readonly changed: ReadonlySet<string>;
  /** By producer of Findings: those of every object that was looked at, empty ones to clear. */
  readonly findings: ReadonlyMap<string, readonly Finding[]>;
}

/** The RouteSets of all objects that are ours, by `kind/namespace/name`, made again only when what they are made of changes. */
export class RouteSetTable {
  readonly #settings: CompileSettings;
  readonly #sets = new Map<string, RouteSet>();
  /** Objects that are another controller's. */
  readonly #foreign = new Set<string>();
  readonly #servicesOf = new DependencyIndex();
  /** Secrets that an object names, in the version that is served or in its newest one. */
  readonly #secretsOf = new DependencyIndex();
  readonly #configMapsOf = new DependencyIndex();

  constructor(settings: CompileSettings) {
    this.#settings = settings;
  }

  get(key: string): RouteSet | undefined {
    return this.#sets.get(key);
  }

  keys(): Iterable<string> {
    return this.#sets.keys();
  }

  /** Whether there is such an object, and it is another controller's. */
  isForeign(key: string): boolean {
    return this.#foreign.has(key);
  }

  /** `namespace/name` of the Secrets that the object needs. */
  secretsOf(key: string): readonly string[] {
    return this.#secretsOf.inputsOf(key);
  }

  /** `namespace/name` of the ConfigMaps that say something of the object. */
  configMapsOf(key: string): readonly string[] {
    return this.#configMapsOf.inputsOf(key);
  }

  update(before: Snapshot, after: Snapshot): RouteSetChange {
    const findings = new Map<string, readonly Finding[]>();
    const changed = new Set<string>();
    const users = this.#usersOfChanges(before, after);
    for (const producer of PRODUCERS) {
      const prefix = `${producer.kind}/`;
      const keys = new Set(producer.changed(before, after, this.#settings));
      for (const user of users) if (user.startsWith(prefix)) keys.add(user.slice(prefix.length));
      for (const key of keys) {
        changed.add(`${prefix}${key}`);
        findings.set(`routes:${prefix}${key}`, this.#produce(producer, key, after));
      }
    }
    return { changed, findings };
  }

  /** Objects that name something of which now something else is known. */
  #usersOfChanges(before: Snapshot, after: Snapshot): ReadonlySet<string> {
    const users = new Set<string>();
    const add = (names: ReadonlySet<string>): void => names.forEach((user) => users.add(user));
    PersistentMap.diff(before.services, after.services, (service) => add(this.#servicesOf.ownersOf(service)));
    PersistentMap.diff(before.former, after.former, (id) => users.add(id));
    PersistentMap.diff(before.unread, after.unread, (id) => {
      if (id.startsWith(SECRET_PREFIX)) add(this.#secretsOf.ownersOf(id.slice(SECRET_PREFIX.length)));
      else if (id.startsWith(CONFIG_MAP_PREFIX)) add(this.#configMapsOf.ownersOf(id.slice(CONFIG_MAP_PREFIX.length)));
    });
    PersistentMap.diff(before.configMaps, after.configMaps, (key) => add(this.#configMapsOf.ownersOf(key)));
    PersistentMap.diff(before.secrets, after.secrets, (secret, left, right) => {
      // A certificate in it is for the hosts to see that have it.
      if (left === undefined || right === undefined || !hasSamePasswords(left, right))
        add(this.#secretsOf.ownersOf(secret));
    });
    if (before.complete !== after.complete)
      for (const index of [this.#secretsOf, this.#configMapsOf]) for (const id of index.owners()) users.add(id);
    return users;
  }

  #produce(producer: RouteProducer, key: string, snapshot: Snapshot): readonly Finding[] {
    const id = `${producer.kind}/${key}`;
    const production = producer.produce(key, snapshot, this.#settings);
    if (production?.isOurs === false) this.#foreign.add(id);
    else this.#foreign.delete(id);
    if (production?.isOurs !== true) {
      this.#sets.delete(id);
      this.#servicesOf.set(id, []);
      this.#secretsOf.set(id, []);
      this.#configMapsOf.set(id, []);
      return production?.findings ?? [];
    }
    const former = (): RouteSet | undefined => this.#produceFormer(producer, id, key, snapshot);
    const { routeSet, secrets } = servedOf(production.routeSet, former, snapshot);
    this.#secretsOf.set(id, secrets);
    this.#configMapsOf.set(id, production.routeSet.configMaps);
    this.#servicesOf.set(id, (routeSet ?? production.routeSet).services);
    if (routeSet === undefined) this.#sets.delete(id);
    else this.#sets.set(id, routeSet);
    return routeSet?.findings ?? [];
  }

  #produceFormer(producer: RouteProducer, id: string, key: string, snapshot: Snapshot): RouteSet | undefined {
    const former = snapshot.former.get(id);
    const production =
      former === undefined ? undefined : producer.produce(key, asBefore(snapshot, former), this.#settings);
    return production?.isOurs === true ? production.routeSet : undefined;
  }
}

function hasSamePasswords(left: Secret, right: Secret): boolean {
  return left.passwordFile?.id === right.passwordFile?.id && left.passwordMap?.id === right.passwordMap?.id;
}
