import type { L7Plan } from '../../compile/plan.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { pemLines } from './certificates.ts';
import { authoritiesFile, clientCertificateFile } from './encode.ts';
import type { Rendered, Step } from './step.ts';

/** A file that no backend of the plan names any more; servers that finish their requests may. */
export interface RetiredFile {
  readonly kind: 'authorities' | 'certificate';
  readonly file: string;
}

/**
 * The steps from what endpoints are verified by, and what is shown to them, to something else. A file is named after what is in it and never
 * changed: HAProxy 3.4 says of another `ca-file` under the same name that it was taken, and goes on verifying servers that were added at
 * run time by the one before.
 */
export function renderEndpointCertificates(
  before: L7Plan,
  after: L7Plan,
  leftovers: ReadonlyMap<string, RetiredFile>,
): Rendered & { readonly retired: readonly RetiredFile[] } {
  const comes: Step[] = [];
  const retired: RetiredFile[] = [];
  PersistentMap.diff(before.authorities, after.authorities, (fingerprint, known, authorities) => {
    const file = authoritiesFile(fingerprint);
    if (authorities === undefined) retired.push({ kind: 'authorities', file });
    // What was read anew is the same under the same fingerprint.
    else if (known === undefined && !leftovers.has(file))
      comes.push(
        { kind: 'new-authorities', file },
        { kind: 'set-authorities', file, pem: authorities.pem.split('\n').filter((line) => line !== '') },
        { kind: 'commit-authorities', file },
      );
  });
  PersistentMap.diff(before.clientCertificates, after.clientCertificates, (fingerprint, known, certificate) => {
    const file = clientCertificateFile(fingerprint);
    if (certificate === undefined) retired.push({ kind: 'certificate', file });
    else if (known === undefined && !leftovers.has(file))
      comes.push(
        { kind: 'new-certificate', file },
        { kind: 'set-certificate', file, pem: pemLines({ certificate }) },
        { kind: 'commit-certificate', file },
      );
  });
  return { comes, leads: [], goes: [], retired };
}

/** The files that the backends of a plan name. */
export function endpointFiles({ authorities, clientCertificates }: L7Plan): ReadonlySet<string> {
  return new Set([
    ...[...authorities.keys()].map(authoritiesFile),
    ...[...clientCertificates.keys()].map(clientCertificateFile),
  ]);
}
