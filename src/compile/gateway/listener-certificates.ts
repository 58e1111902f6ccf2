import type { Gateway, Listener } from '../../model/gateway/gateway.ts';
import { GATEWAY_GROUP, type ObjectReference } from '../../model/gateway/reference.ts';
import { keyOf } from '../../model/object.ts';
import { certificateIn } from '../../model/secret.ts';
import { answerAbout, type Snapshot } from '../../model/snapshot.ts';
import { no, yes, type Verdict } from './condition.ts';
import { mayRefer } from './reference-grants.ts';

/** What a listener has for TLS. */
export interface ListenerCertificates {
  /** The condition ResolvedRefs, as far as it is about certificates. */
  readonly verdict: Verdict;
  /** `namespace/name` of the Secrets that it may use, whether they are there or not; in their order. */
  readonly secrets: readonly string[];
}

/** The certificates of a listener of a Gateway, which may refer to Secrets of other namespaces where a ReferenceGrant lets it. */
export function certificatesOf(listener: Listener, { meta }: Gateway, snapshot: Snapshot): ListenerCertificates {
  if (listener.tls?.mode !== 'Terminate') return { verdict: RESOLVED, secrets: [] };
  const { certificates } = listener.tls;
  if (certificates.length === 0)
    return { verdict: no('InvalidCertificateRef', 'there is no certificateRef that can be read'), secrets: [] };
  const looked = certificates.map((reference) => lookAt(reference, meta.namespace, snapshot));
  const wrong = looked.find(({ verdict }) => !verdict.isTrue);
  return { verdict: wrong?.verdict ?? RESOLVED, secrets: looked.flatMap(({ secret }) => secret ?? []) };
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
