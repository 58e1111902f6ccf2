import type { Gateway, Listener } from '../../model/gateway/gateway.ts';
import { GATEWAY_GROUP, type ObjectReference } from '../../model/gateway/reference.ts';
import { keyOf } from '../../model/object.ts';
import { certificateIn } from '../../model/secret.ts';
import { answerAbout, certificateOf, type Snapshot } from '../../model/snapshot.ts';
import { no, yes, type Verdict } from './condition.ts';
import { mayRefer } from './reference-grants.ts';

/** What a listener has for TLS. */
export interface ListenerCertificates {
  /** The condition ResolvedRefs, as far as it is about certificates. */
  readonly verdict: Verdict;
  /** `namespace/name` of the Secret whose certificate is shown: the first that it may use, or the one that it had before while that is not known. */
  readonly served: string | undefined;
  /** Of all Secrets that it may use, whether they are there or not, and of that one. */
  readonly secrets: readonly string[];
}

/** The certificates of a listener of a Gateway, which may refer to Secrets of other namespaces where a ReferenceGrant lets it. */
export function certificatesOf(listener: Listener, gateway: Gateway, snapshot: Snapshot): ListenerCertificates {
  const { meta } = gateway;
  if (listener.tls?.mode !== 'Terminate') return { verdict: RESOLVED, served: undefined, secrets: [] };
  const { certificates } = listener.tls;
  if (certificates.length === 0)
    return {
      verdict: no('InvalidCertificateRef', 'there is no certificateRef that can be read'),
      served: undefined,
      secrets: [],
    };
  const looked = certificates.map((reference) => lookAt(reference, meta.namespace, snapshot));
  const wrong = looked.find(({ verdict }) => !verdict.isTrue);
  const secrets = looked.flatMap(({ secret }) => secret ?? []);
  const [first] = secrets;
  const former = first === undefined ? undefined : formerSecret(first, listener, gateway, snapshot);
  return {
    verdict: wrong?.verdict ?? RESOLVED,
    served: former ?? first,
    secrets: former === undefined ? secrets : [...secrets, former],
  };
}

/** The Secret that the listener had before, if that has a certificate, while nothing is known of the one that it names now: it may be there. */
function formerSecret(secret: string, listener: Listener, { meta }: Gateway, snapshot: Snapshot): string | undefined {
  const isUnknown =
    answerAbout(snapshot, secret).kind === 'pending' || answerAbout(snapshot, secret).kind === 'unreadable';
  if (!isUnknown || certificateOf(snapshot, secret) !== undefined) return undefined;
  const former = snapshot.former.get(`Gateway/${keyOf(meta)}`);
  if (former?.table !== 'gateways') return undefined;
  const before = former.value.listeners.find(({ name }) => name === listener.name);
  return (before?.tls?.certificates ?? [])
    .flatMap((reference) => lookAt(reference, meta.namespace, snapshot).secret ?? [])
    .find((candidate) => certificateOf(snapshot, candidate) !== undefined);
}

const RESOLVED = yes('ResolvedRefs');

function lookAt(
  reference: ObjectReference,
  gatewayNamespace: string,
  snapshot: Snapshot,
): { readonly verdict: Verdict; readonly secret: string | undefined } {
  const { group, kind, name, field } = reference;
  const invalid = (message: string): Verdict => no('InvalidCertificateRef', `${field}: ${message}`);
  if (group !== '' || kind !== 'Secret')
    return {
      verdict: invalid(`a certificate is in a Secret, not in a ${kind} of group "${group}"`),
      secret: undefined,
    };
  const namespace = reference.namespace ?? gatewayNamespace;
  const from = { group: GATEWAY_GROUP, kind: 'Gateway', namespace: gatewayNamespace };
  if (!mayRefer(from, { group, kind, namespace, name }, snapshot.referenceGrants)) {
    const message = `no ReferenceGrant in namespace ${namespace} lets a Gateway of namespace ${gatewayNamespace} refer to Secret ${name}`;
    // Not even read: that is what the grant is about.
    return { verdict: no('RefNotPermitted', `${field}: ${message}`), secret: undefined };
  }
  const secret = keyOf({ namespace, name });
  const answer = answerAbout(snapshot, secret);
  switch (answer.kind) {
    case 'pending':
      return { verdict: RESOLVED, secret };
    case 'absent':
      return { verdict: invalid(`Secret ${secret} does not exist`), secret };
    case 'unreadable':
      return { verdict: invalid(`Secret ${secret} cannot be read: ${answer.message}`), secret };
    case 'found': {
      const { tls } = answer.value;
      if (tls.kind === 'certificate') return { verdict: RESOLVED, secret };
      const rest = certificateIn(answer.value) === undefined ? '' : '; the certificate that it held before is served';
      return { verdict: invalid(`Secret ${secret}: ${tls.message}${rest}`), secret };
    }
  }
}
