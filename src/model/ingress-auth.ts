import type { Realm } from './http/filter/basic-auth.ts';

/** A Secret that an annotation names: `name`, or `namespace/name`. */
export interface SecretName {
  /** Undefined: that of the object. */
  readonly namespace: string | undefined;
  readonly name: string;
}

/** What annotations of an Ingress say about who has to prove who they are. Undefined: nothing. */
export interface AuthPolicy {
  readonly authType: 'basic' | undefined;
  readonly authSecret: SecretName | undefined;
  /** A password file under `auth`, or every key a user. */
  readonly authSecretForm: 'auth-file' | 'auth-map';
  readonly authRealm: { readonly realm: Realm } | 'unreadable' | undefined;
}

/** ingress-nginx's own defaults. */
export const DEFAULT_AUTH: AuthPolicy = {
  authType: undefined,
  authSecret: undefined,
  authSecretForm: 'auth-file',
  authRealm: undefined,
};
