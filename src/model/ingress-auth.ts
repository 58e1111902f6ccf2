import type { Hostname, IpAddress } from './grammar.ts';
import type { Realm } from './http/filter/basic-auth.ts';
import type { ExternalAuth, UrlTemplate } from './http/filter/external-auth.ts';
import type { HostHeader } from './http/filter/url-rewrite.ts';

/** A Secret that an annotation names: `name`, or `namespace/name`. */
export interface SecretName {
  /** Undefined: that of the object. */
  readonly namespace: string | undefined;
  readonly name: string;
}

/** A URL of another server. */
export interface AuthUrl {
  readonly isTls: boolean;
  readonly host: Hostname | IpAddress;
  readonly port: number;
  /** As it is written. */
  readonly header: HostHeader;
  readonly path: UrlTemplate;
}

/** What annotations of an Ingress say about who has to prove who they are. Undefined: nothing. */
export interface AuthPolicy {
  readonly authType: 'basic' | undefined;
  readonly authSecret: SecretName | undefined;
  /** A password file under `auth`, or every key a user. */
  readonly authSecretForm: 'auth-file' | 'auth-map';
  /** Where another server is asked whether a request is let in. */
  readonly authUrl: AuthUrl | undefined;
  readonly authMethod: ExternalAuth['method'];
  readonly authResponseHeaders: ExternalAuth['responseHeaders'];
  readonly authSignIn: UrlTemplate | undefined;
  /** The parameter of `authSignIn` with the URL to come back to. */
  readonly authSignInParameter: string;
  readonly authRequestRedirect: UrlTemplate | undefined;
  readonly authAlwaysSetsCookie: boolean;
  readonly authRealm: { readonly realm: Realm } | 'unreadable' | undefined;
}

/** ingress-nginx's own defaults. */
export const DEFAULT_AUTH: AuthPolicy = {
  authType: undefined,
  authSecret: undefined,
  authSecretForm: 'auth-file',
  authUrl: undefined,
  authMethod: 'GET',
  authResponseHeaders: [],
  authSignIn: undefined,
  authSignInParameter: 'rd',
  authRequestRedirect: undefined,
  authAlwaysSetsCookie: false,
  authRealm: undefined,
};
