import { finding, type Finding } from '../../../model/finding.ts';
import { NO_REALM, type BasicAuth } from '../../../model/http/filter/basic-auth.ts';
import { urlTemplateOf, type ExternalAuth, type UrlTemplate } from '../../../model/http/filter/external-auth.ts';
import type { EndpointTls } from '../../../model/http/endpoint-connection.ts';
import { hostnameOf, ipAddressOf } from '../../../model/grammar.ts';
import type { BackendRef } from '../../../model/http/backend-ref.ts';
import type { HttpFilter } from '../../../model/http/filter.ts';
import type { ServedIngress } from './ingress-config.ts';
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
  /** `namespace/name` of the Services that it takes. */
  readonly services: readonly string[];
  readonly findings: readonly Finding[];
}

const NO_GUARD: Guard = { filters: [], isClosed: false, secrets: [], services: [], findings: [] };

/** All that keeps people out of the paths of an Ingress. */
export function guardOf(ingress: ServedIngress, snapshot: Snapshot): Guard {
  const guards = [externalGuard(ingress, snapshot), basicAuthGuard(ingress, snapshot)];
  return {
    filters: guards.flatMap(({ filters }) => filters),
    isClosed: guards.some(({ isClosed }) => isClosed),
    secrets: guards.flatMap(({ secrets }) => secrets),
    services: guards.flatMap(({ services }) => services),
    findings: guards.flatMap(({ findings }) => findings),
  };
}

/** Another server that says who may come, as the annotations from `auth-url` on ask for it. */
function externalGuard({ meta, policy }: ServedIngress, snapshot: Snapshot): Guard {
  const { authUrl: url } = policy;
  if (url === undefined || policy.isClosed || policy.isDropped) return NO_GUARD;
  const tls: EndpointTls = {
    serverName: ipAddressOf(url.host) === undefined ? hostnameOf(url.host) : undefined,
    signedBy: 'anybody',
    clientCertificate: undefined,
  };
  const filter = (server: BackendRef): ExternalAuth => ({
    type: 'ExternalAuth',
    server,
    connection: { version: undefined, tls: url.isTls ? tls : 'none' },
    backend: '',
    method: policy.authMethod,
    host: url.header,
    path: url.path,
    responseHeaders: policy.authResponseHeaders,
    signIn: signInOf(policy),
    requestRedirect: policy.authRequestRedirect,
    alwaysSetsCookie: policy.authAlwaysSetsCookie,
  });
  const [, name, namespace] = /^([^.]+)\.([^.]+)\.svc(?:\.cluster\.local)?\.?$/.exec(url.host) ?? [];
  if (name === undefined || namespace === undefined) {
    const service = `URL.${url.host.replaceAll(':', '-')}`;
    const server = { namespace: meta.namespace, service, port: url.port, external: url.host };
    return { ...NO_GUARD, filters: [filter(server)] };
  }
  const key = keyOf({ namespace, name });
  const port = snapshot.services.get(key)?.ports.find((item) => item.port === url.port && item.protocol === 'TCP');
  if (port !== undefined)
    return { ...NO_GUARD, services: [key], filters: [filter({ namespace, service: name, port: url.port })] };
  const ref: ObjectRef = { kind: 'Ingress', namespace: meta.namespace, name: meta.name };
  const message = `Service ${key} with port ${String(url.port)}, which auth-url names, does not exist, so that the paths answer 503`;
  const field = 'metadata.annotations["nginx.ingress.kubernetes.io/auth-url"]';
  const findings = [finding('AuthServerNotFound', ref, field, message)];
  return { ...NO_GUARD, isClosed: true, services: [key], findings };
}

/** ingress-nginx appends the URL to come back to, unless the URL has the parameter already. */
function signInOf({ authSignIn: url, authSignInParameter: name }: ServedIngress['policy']): UrlTemplate | undefined {
  if (url === undefined) return undefined;
  const [, query = ''] = /\?(.*)$/.exec(url) ?? [];
  if (query.split('&').some((part) => part.split('=', 1)[0] === name)) return url;
  const mark = !url.includes('?') ? '?' : query === '' ? '' : '&';
  return urlTemplateOf(`${url}${mark}${name}=$pass_access_scheme://$http_host$escaped_request_uri`);
}

/** Basic authentication, as the annotations `auth-type`, `auth-secret`, `auth-secret-type` and `auth-realm` ask for it. */
function basicAuthGuard({ meta, policy }: ServedIngress, snapshot: Snapshot): Guard {
  const { authType, authSecret: name, authSecretForm, authRealm } = policy;
  // Closed for another reason, which has been said.
  if ((authType === undefined && name === undefined) || policy.isClosed || policy.isDropped) return NO_GUARD;
  const ref: ObjectRef = { kind: 'Ingress', namespace: meta.namespace, name: meta.name };
  const field = 'metadata.annotations["nginx.ingress.kubernetes.io/auth-secret"]';
  const refused = (reason: Finding['reason'], message: string, secrets: readonly string[] = []): Guard => ({
    filters: [],
    isClosed: true,
    secrets,
    services: [],
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
      return { filters: [], isClosed: true, secrets: [key], services: [], findings: [] };
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
        services: [],
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
