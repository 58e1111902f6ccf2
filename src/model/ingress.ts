import type { Hostname } from './grammar.ts';
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
  /** Undefined where the backend was refused: the path answers 503 rather than falling to another rule. */
  readonly backend: IngressBackend | undefined;
  readonly field: string;
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
  readonly policy: IngressPolicy;
}

/** What the annotations of an Ingress ask for, for all of its paths. */
export interface IngressPolicy {
  /** Whether HTTP is redirected to HTTPS on hosts with TLS; undefined where the program's default holds. */
  readonly sslRedirect: boolean | undefined;
  /** Whether paths of type ImplementationSpecific are regular expressions. */
  readonly hasRegexPaths: boolean;
  /** Whether somebody is to be kept out in a way that is not implemented: then nobody is let in, and every path answers 503. */
  readonly isClosed: boolean;
}

/** The policy of an Ingress without annotations. */
export const DEFAULT_POLICY: IngressPolicy = { sslRedirect: undefined, hasRegexPaths: false, isClosed: false };

/** An IngressClass: which controller serves the Ingresses that name it. */
export interface IngressClass {
  readonly meta: ObjectMeta;
  readonly controller: string;
  /** `ingressclass.kubernetes.io/is-default-class`. */
  readonly isDefault: boolean;
}
