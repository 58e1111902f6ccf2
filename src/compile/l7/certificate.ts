import { finding, type Finding } from '../../model/finding.ts';
import { hostCovers, type Hostname } from '../../model/grammar.ts';
import type { ObjectRef } from '../../model/object.ts';
import type { Certificate, Secret } from '../../model/secret.ts';
import type { CertificateId } from '../plan.ts';
import type { Facts } from '../settings.ts';
import type { TlsClaim } from '../../model/http/route-set.ts';

/** The id of the certificate in a Secret; unique because `_` cannot stand in the names of objects. */
export function certificateId(secretKey: string): CertificateId {
  // The brand is given here, where the key is known to be that of an admitted object.
  return secretKey.replace('/', '_') as CertificateId;
}

/** One Ingress' use of a Secret for a host: which certificate, if any, and what is wrong with it. */
export function certificateFor(
  claim: TlsClaim,
  owner: ObjectRef,
  secret: Secret | undefined,
  facts: Facts,
): { readonly certificate: Certificate | undefined; readonly findings: readonly Finding[] } {
  if (claim.secret === undefined) return { certificate: undefined, findings: [] };
  const field = `${claim.field}.secretName`;
  if (secret === undefined) {
    const message = `Secret ${claim.secret} does not exist`;
    return { certificate: undefined, findings: [finding('SecretNotFound', owner, field, message)] };
  }
  if (secret.tls.kind === 'broken') {
    const message = `Secret ${claim.secret}: ${secret.tls.message}`;
    return { certificate: undefined, findings: [finding(secret.tls.reason, owner, field, message)] };
  }
  const { certificate } = secret.tls;
  return { certificate, findings: certificateFindings(certificate, claim.secret, claim.host, owner, field, facts) };
}

function certificateFindings(
  certificate: Certificate,
  secretKey: string,
  host: Hostname,
  owner: ObjectRef,
  field: string,
  facts: Facts,
): readonly Finding[] {
  const findings: Finding[] = [];
  const { notAfterMs, notBeforeMs, dnsNames, commonName } = certificate;
  if (notAfterMs < facts.nowMs) {
    const message = `the certificate in Secret ${secretKey} expired on ${day(notAfterMs)}`;
    findings.push(finding('CertificateExpired', owner, field, message));
  } else if (notBeforeMs > facts.nowMs) {
    const message = `the certificate in Secret ${secretKey} is valid only from ${day(notBeforeMs)}`;
    findings.push(finding('CertificateExpired', owner, field, message, 'Wait, or correct the clock that issued it.'));
  }
  if (dnsNames.length === 0 && hostCovers(commonName, host)) {
    const message = `the certificate in Secret ${secretKey} names ${host} only in its common name`;
    findings.push(finding('CertificateCommonNameOnly', owner, field, message));
  } else if (!dnsNames.some((name) => hostCovers(name, host))) {
    const names = dnsNames.length === 0 ? `the common name "${commonName}"` : dnsNames.join(', ');
    const message = `the certificate in Secret ${secretKey} is for ${names}, not for ${host}`;
    findings.push(finding('CertificateHostMismatch', owner, field, message));
  }
  return findings;
}

/** `Date` formats a given instant here; the clock is not read. */
function day(instantMs: number): string {
  const instant = Reflect.construct(Date, [instantMs]);
  return instant instanceof Date ? instant.toISOString().slice(0, 10) : '';
}
