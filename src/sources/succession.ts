/**
 * What of an object outlives its next version. It stands in the Snapshot and not in whoever compiles it, so that the same Snapshot
 * still gives the same plan.
 */
import { ipAddressOf } from '../model/grammar.ts';
import type { Gateway } from '../model/gateway/gateway.ts';
import type { Ingress } from '../model/ingress.ts';
import { keyOf } from '../model/object.ts';
import { certificateIn, type Secret } from '../model/secret.ts';
import type { Service } from '../model/service.ts';
import { answerAbout, type Former, type Snapshot } from '../model/snapshot.ts';
import type { Change } from './change.ts';
import type { ServedBefore } from './served-before.ts';

/**
 * What `former` is to hold of an object once `change` has been made; undefined where that stays as it is.
 *
 * A version that refers to something which is not known yet is not served; the last one that was complete is. So it is kept for as
 * long as newer ones are not: of three versions within a moment, the first may be the only one that ever was served.
 */
export function formerAfter(
  snapshot: Snapshot,
  change: Change,
  servedBefore: ServedBefore,
): Change<'former'> | undefined {
  switch (change.table) {
    case 'ingresses':
      return successor(snapshot, `Ingress/${change.key}`, change.value, snapshot.ingresses.get(change.key), {
        isSettled: (ingress) =>
          answersOf(snapshot, ingress).every((answer) => answer === 'found' || answer === 'absent'),
        isServed: (ingress) => answersOf(snapshot, ingress).every((answer) => answer !== 'pending'),
        keep: (value) => ({ table: 'ingresses', key: change.key, value }),
      });
    case 'services':
      return successor(snapshot, `Service/${change.key}`, change.value, snapshot.services.get(change.key), {
        isSettled: (service) => isSettledService(snapshot, service),
        isServed: (service) => isSettledService(snapshot, service),
        keep: (value) => ({ table: 'services', key: change.key, value }),
      });
    case 'gateways':
      return successor(snapshot, `Gateway/${change.key}`, change.value, snapshot.gateways.get(change.key), {
        isSettled: (gateway) =>
          answersOfListeners(snapshot, gateway).every((answer) => answer === 'found' || answer === 'absent'),
        isServed: (gateway) => answersOfListeners(snapshot, gateway).every((answer) => answer !== 'pending'),
        keep: (value) => ({ table: 'gateways', key: change.key, value }),
      });
    case 'secrets':
      return change.value === undefined ? undefined : forgotten(snapshot, `Secret/${change.key}`);
    case 'unread':
      return formerSecret(snapshot, change, servedBefore);
    default:
      return undefined;
  }
}

/** A Secret that cannot be read, and has not been since the start, is what the program before this one served of it. */
function formerSecret(
  snapshot: Snapshot,
  { key: id, value }: Change<'unread'>,
  servedBefore: ServedBefore,
): Change<'former'> | undefined {
  if (!id.startsWith(SECRET_PREFIX)) return undefined;
  const key = id.slice(SECRET_PREFIX.length);
  if (value?.kind === 'absent') servedBefore.forget(key);
  if (value?.kind !== 'unreadable') return forgotten(snapshot, id);
  if (snapshot.secrets.has(key)) return undefined;
  const secret = servedBefore.secret(key);
  return secret && { table: 'former', key: id, value: { table: 'secrets', key, value: secret } };
}

const SECRET_PREFIX = 'Secret/';

function forgotten({ former }: Snapshot, id: string): Change<'former'> | undefined {
  return former.has(id) ? { table: 'former', key: id, value: undefined } : undefined;
}

interface Succession<T> {
  /** Whether everything is known that it refers to. */
  readonly isSettled: (object: T) => boolean;
  /** Whether it is served, although something that it refers to cannot be read. */
  readonly isServed: (object: T) => boolean;
  readonly keep: (object: T) => Former;
}

function successor<T>(
  snapshot: Snapshot,
  id: string,
  after: T | undefined,
  before: T | undefined,
  { isSettled, isServed, keep }: Succession<T>,
): Change<'former'> | undefined {
  if (after === before) return undefined;
  const forget = forgotten(snapshot, id);
  if (after === undefined || isSettled(after)) return forget;
  // Of a version with something that cannot be read, an earlier one has more: its certificate. Without that it is kept itself.
  const isKept = before !== undefined && (isSettled(before) || (forget === undefined && isServed(before)));
  return isKept ? { table: 'former', key: id, value: keep(before) } : undefined;
}

/** What is known of each Secret that an Ingress names. */
function answersOf(
  snapshot: Snapshot,
  { meta, tls, policy }: Ingress,
): readonly ReturnType<typeof answerAbout>['kind'][] {
  return [...tls.map(({ secretName }) => secretName), policy.authSecret?.name].flatMap((name) =>
    name === undefined ? [] : [answerAbout(snapshot, keyOf({ namespace: meta.namespace, name })).kind],
  );
}

/** What is known of each Secret that a listener names, be it allowed to or not. */
function answersOfListeners(
  snapshot: Snapshot,
  { meta, listeners }: Gateway,
): readonly ReturnType<typeof answerAbout>['kind'][] {
  const references = listeners.flatMap(({ tls }) => tls?.certificates ?? []);
  return references.map(
    ({ namespace, name }) => answerAbout(snapshot, keyOf({ namespace: namespace ?? meta.namespace, name })).kind,
  );
}

function isSettledService({ resolvedNames }: Snapshot, { type, externalName }: Service): boolean {
  if (type !== 'ExternalName' || externalName === undefined) return true;
  return ipAddressOf(externalName) !== undefined || resolvedNames.has(externalName);
}

/** Secrets that took over a certificate, by what was admitted: the same broken object again must give the same Secret again. */
const heirs = new WeakMap<Secret, Secret>();

/** A Secret that breaks keeps the certificate that it held, until it is mended or gone. */
export function withLastGood(snapshot: Snapshot, change: Change, servedBefore: ServedBefore): Change {
  if (change.table !== 'secrets') return change;
  const seen = snapshot.secrets.get(change.key);
  const before = seen ?? (change.value?.tls.kind === 'broken' ? servedBefore.secret(change.key) : undefined);
  servedBefore.forget(change.key);
  if (change.value?.tls.kind !== 'broken') return change;
  const known = heirs.get(change.value);
  if (known !== undefined && known === before) return { ...change, value: known };
  const lastGood = certificateIn(before);
  if (lastGood === undefined) return change;
  const heir: Secret = { ...change.value, tls: { ...change.value.tls, lastGood } };
  heirs.set(change.value, heir);
  return { ...change, value: heir };
}
