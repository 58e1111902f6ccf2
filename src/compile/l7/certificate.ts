import { finding, type Finding } from '../../model/finding.ts';
import { hostCovers, type Hostname } from '../../model/grammar.ts';
import { objectAt, type ObjectRef } from '../../model/object.ts';
import { certificateIn, type Certificate, type Secret, type TlsMaterial } from '../../model/secret.ts';
import { answerAbout, certificateOf, type Snapshot } from '../../model/snapshot.ts';
import type { CertificateId } from '../plan.ts';
import type { Facts } from '../settings.ts';
import type { TlsClaim } from '../../model/http/route-set.ts';

/** The id of the certificate in a Secret; unique because `_` cannot stand in the names of objects. */
export function certificateId(secretKey: string): CertificateId {
  // The brand is given here, where the key is known to be that of an admitted object.
  return secretKey.replace('/', '_') as CertificateId;
}

/** Whether two Secrets, by `namespace/name`, hold one certificate. */
export function isSameCertificate(a: string, b: string, snapshot: Snapshot): boolean {
  const [first, second] = [certificateOf(snapshot, a), certificateOf(snapshot, b)];
  return first !== undefined && first.fingerprint === second?.fingerprint;
}

/** What a claim gives a host, and what is wrong with it. */
export interface ClaimedCertificate {
  /** `namespace/name` of the Secret whose certificate is served; undefined where there is none. */
  readonly secret: string | undefined;
  readonly findings: readonly Finding[];
}

/** One object's claim of TLS for a host: which certificate it gets, if any. Of what is not known yet, nothing is said. */
export function certificateFor(
  claim: TlsClaim,
  owner: ObjectRef,
  snapshot: Snapshot,
  facts: Facts,
): ClaimedCertificate {
  if (claim.secret === undefined) return NO_CERTIFICATE;
  const field = claim.secretField;
  const answer = answerAbout(snapshot, claim.secret);
  switch (answer.kind) {
    case 'pending':
      return NO_CERTIFICATE;
    case 'absent': {
      const message = `Secret ${claim.secret} does not exist`;
      return { secret: undefined, findings: [finding('SecretNotFound', owner, field, message)] };
    }
    case 'unreadable': {
      const secret = [claim.secret, claim.formerSecret].find(
        (key) => key !== undefined && certificateOf(snapshot, key) !== undefined,
      );
      const kept = secret === claim.secret ? 'its last certificate' : `the certificate in Secret ${String(secret)}`;
      const consequence = secret === undefined ? '' : `; ${claim.host} keeps ${kept}`;
      const message = `Secret ${claim.secret} cannot be read: ${answer.message}${consequence}`;
      return { secret, findings: [finding('SecretUnreadable', owner, field, message)] };
    }
    case 'found':
      return certificateInUse(claim, answer.value, owner, field, facts);
  }
}

const NO_CERTIFICATE: ClaimedCertificate = { secret: undefined, findings: [] };

function certificateInUse(
  { secret: key = '', host }: TlsClaim,
  secret: Secret,
  owner: ObjectRef,
  field: string,
  facts: Facts,
): ClaimedCertificate {
  const certificate = certificateIn(secret);
  const findings = secret.tls.kind === 'broken' ? [brokenFinding(secret.tls, key, owner, field)] : [];
  if (certificate === undefined) return { secret: undefined, findings };
  return { secret: key, findings: [...findings, ...certificateFindings(certificate, key, host, owner, field, facts)] };
}

function brokenFinding(
  { reason, message, lastGood }: Extract<TlsMaterial, { kind: 'broken' }>,
  key: string,
  owner: ObjectRef,
  field: string,
): Finding {
  const consequence = lastGood === undefined ? '' : '; the certificate that it held before is served';
  return finding(reason, owner, field, `Secret ${key}: ${message}${consequence}`);
}

/** What is wrong with the Secret of `--default-ssl-certificate`. */
export function defaultCertificateFindings(key: string, snapshot: Snapshot): readonly Finding[] {
  const ref = objectAt('Secret', key);
  const flag = '--default-ssl-certificate';
  const answer = answerAbout(snapshot, key);
  switch (answer.kind) {
    case 'pending':
      return [];
    case 'absent':
      return [finding('SecretNotFound', ref, '', `the Secret of ${flag} does not exist`)];
    case 'unreadable':
      return [finding('SecretUnreadable', ref, '', `the Secret of ${flag} cannot be read: ${answer.message}`)];
    case 'found':
      return answer.value.tls.kind === 'broken' ? [brokenFinding(answer.value.tls, flag, ref, '')] : [];
  }
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
