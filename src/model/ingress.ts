import type { RedirectStatus } from './http/filter/request-redirect.ts';
import type { HostHeader } from './http/filter/url-rewrite.ts';
import type { HeaderValue } from './http/header.ts';
import type { Replacement } from './http/path-rewrite.ts';
import type { Hostname } from './grammar.ts';
import { DEFAULT_AUTH, type AuthPolicy } from './ingress-auth.ts';
import { DEFAULT_TRAFFIC, type TrafficPolicy } from './ingress-traffic.ts';
import { DEFAULT_CANARY, type CanaryPolicy } from './ingress-canary.ts';
import type { ObjectMeta } from './object.ts';
import type { PathMatch } from './http/match.ts';

/** A port of a Service as a route names it: by number or by name. */
export type ServicePortRef = { readonly number: number } | { readonly name: string };

/** The Service behind a path, always in the namespace of its Ingress. */
export interface IngressBackend {
  readonly service: string;
  readonly port: ServicePortRef;
}

/** One path of one rule. `field` is its JSON path, for Findings. */
export interface IngressPath {
  readonly match: PathMatch;
  readonly written?: WrittenPath | undefined;
  /** Undefined where the backend was refused: the path answers 503 rather than falling to another rule. */
  readonly backend: IngressBackend | undefined;
  readonly field: string;
}

/** A path as it stands in the object, for those who read it otherwise than {@link IngressPath.match} does. */
export interface WrittenPath {
  readonly path: string;
  readonly type: 'Exact' | 'Prefix' | 'ImplementationSpecific';
}

/** One rule; `host` undefined means every host. */
export interface IngressRule {
  readonly host: Hostname | undefined;
  readonly paths: readonly IngressPath[];
}

/** One entry of `spec.tls`. */
export interface IngressTls {
  /** Empty where the entry names none: then it is meant for all hosts of the rules. */
  readonly hosts: readonly Hostname[];
  readonly secretName: string | undefined;
  readonly field: string;
}

/** An Ingress of any API version, admitted: what could not be understood is a Finding and not here. */
export interface Ingress {
  readonly meta: ObjectMeta;
  /** `spec.ingressClassName`, or else the annotation `kubernetes.io/ingress.class`. */
  readonly className: string | undefined;
  /** Whether it is the annotation that names the class. */
  readonly isClassAnnotated: boolean;
  readonly defaultBackend: IngressBackend | undefined;
  readonly rules: readonly IngressRule[];
  readonly tls: readonly IngressTls[];
  /** What annotations say; of the rest, what --configmap and the defaults do. */
  readonly policy: Partial<IngressPolicy>;
}

/** What the annotations of an Ingress ask for, for all of its paths. */
export interface IngressPolicy extends AuthPolicy, TrafficPolicy, CanaryPolicy {
  /** Whether HTTP is redirected to HTTPS on hosts with TLS; undefined where the program's default holds. */
  readonly sslRedirect: boolean | undefined;
  /** Whether that is so on hosts without TLS, too. */
  readonly isSslRedirectForced: boolean;
  /** Begins of paths that are not redirected to HTTPS. */
  readonly plainPaths: readonly string[];
  /** Whether paths of type ImplementationSpecific are regular expressions. */
  readonly usesRegex: boolean;
  /** What paths are replaced by, with what the groups of the path have matched; a URL: where clients are sent instead. */
  readonly rewriteTarget: Replacement | undefined;
  /** X-Forwarded-Prefix of requests that are rewritten. */
  readonly forwardedPrefix: HeaderValue | undefined;
  /** Where requests for `/` are sent. */
  readonly appRoot: Replacement | undefined;
  /** Where all requests are sent, instead of to a backend. */
  readonly permanentRedirect: Replacement | undefined;
  readonly permanentRedirectStatus: RedirectStatus | 'off';
  /** The same; it comes first. */
  readonly temporalRedirect: Replacement | undefined;
  readonly temporalRedirectStatus: RedirectStatus | 'off';
  /** Whether requests for the host with `www.` before it, or without it, are sent to the host. */
  readonly isWwwRedirected: boolean;
  /** More hosts for the same rules, where nobody else has them. */
  readonly aliases: readonly Hostname[];
  /** The Host header for backends. */
  readonly upstreamHost: HostHeader | undefined;
  /** Whether somebody is to be kept out in a way that is not implemented: then nobody is let in, and every path answers 503. */
  readonly isClosed: boolean;
  /** Whether an annotation has a value for which ingress-nginx leaves the whole Ingress out. */
  readonly isDropped: boolean;
}

/** The policy of an Ingress without annotations. */
export const DEFAULT_POLICY: IngressPolicy = {
  ...DEFAULT_AUTH,
  ...DEFAULT_TRAFFIC,
  ...DEFAULT_CANARY,
  sslRedirect: undefined,
  isSslRedirectForced: false,
  plainPaths: ['/.well-known/acme-challenge'],
  usesRegex: false,
  rewriteTarget: undefined,
  forwardedPrefix: undefined,
  appRoot: undefined,
  permanentRedirect: undefined,
  permanentRedirectStatus: 301,
  temporalRedirect: undefined,
  temporalRedirectStatus: 302,
  isWwwRedirected: false,
  aliases: [],
  upstreamHost: undefined,
  isClosed: false,
  isDropped: false,
};

/** An IngressClass: which controller serves the Ingresses that name it. */
export interface IngressClass {
  readonly meta: ObjectMeta;
  readonly controller: string;
  /** `ingressclass.kubernetes.io/is-default-class`. */
  readonly isDefault: boolean;
}
