import { finding, type Finding } from '../../../model/finding.ts';
import { NO_REALM, type BasicAuth } from '../../../model/http/filter/basic-auth.ts';
import type { HttpFilter } from '../../../model/http/filter.ts';
import type { Ingress } from '../../../model/ingress.ts';
import { keyOf, type ObjectRef } from '../../../model/object.ts';
import type { PasswordFile } from '../../../model/password-file.ts';
import { answerAbout, type Snapshot } from '../../../model/snapshot.ts';

/** What keeps people out of the paths of an object, as far as other objects have to be asked for it. */
export interface Guard {
  readonly filters: readonly HttpFilter[];
  /** Nobody is let in, because what it takes to tell people apart cannot be had. */
  readonly isClosed: boolean;
  /** `namespace/name` of the Secrets that it takes. */
  readonly secrets: readonly string[];
  readonly findings: readonly Finding[];
}

const NO_GUARD: Guard = { filters: [], isClosed: false, secrets: [], findings: [] };

/** Basic authentication, as the annotations `auth-type`, `auth-secret`, `auth-secret-type` and `auth-realm` ask for it. */
export function basicAuthGuard({ meta, policy }: Ingress, snapshot: Snapshot): Guard {
  const { authType, authSecret: name, authSecretForm, authRealm } = policy;
  // Closed for another reason, which has been said.
  if ((authType === undefined && name === undefined) || policy.isClosed || policy.isDropped) return NO_GUARD;
  const ref: ObjectRef = { kind: 'Ingress', namespace: meta.namespace, name: meta.name };
  const field = 'metadata.annotations["nginx.ingress.kubernetes.io/auth-secret"]';
  const refused = (reason: Finding['reason'], message: string, secrets: readonly string[] = []): Guard => ({
    filters: [],
    isClosed: true,
    secrets,
    findings: [finding(reason, ref, field, `${message}, so that the paths answer 503`)],
  });
  if (name === undefined) return refused('AnnotationInvalid', 'auth-type is there, but no auth-secret with passwords');
  if (authType === undefined)
    return refused('AnnotationInvalid', 'there is no auth-type that says how to ask for passwords');
  if (authRealm === 'unreadable') return refused('AnnotationInvalid', 'auth-realm cannot be read');
  const key = keyOf({ namespace: name.namespace ?? meta.namespace, name: name.name });
  if (name.namespace !== undefined && name.namespace !== meta.namespace)
    return refused('AnnotationInvalid', `Secret ${key} is in another namespace than the Ingress`);
  const answer = answerAbout(snapshot, key);
  switch (answer.kind) {
    case 'pending':
      return { filters: [], isClosed: true, secrets: [key], findings: [] };
    case 'absent':
      return refused('PasswordsMissing', `Secret ${key} does not exist`, [key]);
    case 'unreadable':
      return refused('PasswordsMissing', `Secret ${key} cannot be read: ${answer.message}`, [key]);
    case 'found': {
      const { passwordFile, passwordMap } = answer.value;
      const passwords = authSecretForm === 'auth-map' ? passwordMap : passwordFile;
      if (passwords === undefined) {
        const lack = authSecretForm === 'auth-map' ? 'has no users' : 'has no password file under "auth"';
        return refused('PasswordsMissing', `Secret ${key} ${lack}`, [key]);
      }
      const filter: BasicAuth = { type: 'BasicAuth', realm: authRealm?.realm ?? NO_REALM, passwords };
      return {
        filters: [filter],
        isClosed: false,
        secrets: [key],
        findings: unusableLines(passwords, key, ref, field),
      };
    }
  }
}

/** Lines are named by their numbers: names of users are nobody's business but theirs. */
function unusableLines(passwords: PasswordFile, key: string, ref: ObjectRef, field: string): readonly Finding[] {
  const lines = passwords.unusableLines;
  if (lines.length === 0) return [];
  const shown = `${lines.slice(0, MOST_LINES).join(', ')}${lines.length > MOST_LINES ? ', …' : ''}`;
  const message = `nobody comes in by the passwords in Secret ${key} that stand in line ${shown}`;
  return [finding('PasswordUnusable', ref, field, message)];
}

const MOST_LINES = 5;
