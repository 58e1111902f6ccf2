import { isRestriction, type RouteSet, type TlsClaim } from '../../model/http/route-set.ts';
import { answerAbout, answerAboutConfigMap, type Snapshot } from '../../model/snapshot.ts';

/** What is served of an object, and which Secrets it needs. */
export interface Served {
  /** Undefined while nothing of it is to be served yet. */
  readonly routeSet: RouteSet | undefined;
  /** `namespace/name`. */
  readonly secrets: readonly string[];
}

/**
 * Which version of an object is served. Its newest one, as soon as it is known of every Secret that it names what is in it; until
 * then the one before, so that a live host keeps its certificate, and nothing of a new object, whose host would come up with a
 * certificate that no client trusts. A Secret that cannot be read holds the rest up no longer: then only the hosts that name it
 * keep the Secret that they had. That somebody is to be kept out holds at once, whatever the version before let in.
 *
 * @param former makes the RouteSet of the version before, if there is one
 */
export function servedOf(newest: RouteSet, former: () => RouteSet | undefined, snapshot: Snapshot): Served {
  const secrets = secretsOf(newest);
  const kinds = new Map(secrets.map((secret) => [secret, answerAbout(snapshot, secret).kind]));
  const known = new Set(kinds.values());
  const isPending =
    newest.waitsForSecrets &&
    (known.has('pending') || newest.configMaps.some((key) => answerAboutConfigMap(snapshot, key).kind === 'pending'));
  if (!isPending && !known.has('unreadable')) return { routeSet: newest, secrets };
  const before = former();
  const all = [...new Set([...secrets, ...(before === undefined ? [] : secretsOf(before))])];
  if (isPending) return { routeSet: before === undefined ? undefined : closedAs(newest, before), secrets: all };
  const tls = newest.tls.map((claim) =>
    claim.secret !== undefined && kinds.get(claim.secret) === 'unreadable' ? withFormer(claim, before) : claim,
  );
  return { routeSet: { ...newest, tls }, secrets: all };
}

/** The version before, closed where the newest one is. */
function closedAs(newest: RouteSet, before: RouteSet): RouteSet {
  const closed = newest.routes.flatMap(({ rules }) => rules).find(({ target }) => isRestriction(target))?.target;
  if (closed === undefined) return before;
  const routes = before.routes.map((route) => ({
    ...route,
    rules: route.rules.map((rule) => ({ ...rule, target: closed })),
  }));
  return { ...before, routes };
}

function withFormer(claim: TlsClaim, before: RouteSet | undefined): TlsClaim {
  const formerSecret = before?.tls.find(({ host, secret }) => host === claim.host && secret !== undefined)?.secret;
  return { ...claim, formerSecret };
}

function secretsOf({ tls, secrets }: RouteSet): readonly string[] {
  return [...new Set([...secrets, ...tls.flatMap(({ secret }) => secret ?? [])])];
}
