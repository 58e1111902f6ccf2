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
  /** `nginx.ingress.kubernetes.io/ssl-redirect`; undefined where the program's default holds. */
  readonly sslRedirect: boolean | undefined;
}

/** An IngressClass: which controller serves the Ingresses that name it. */
export interface IngressClass {
  readonly meta: ObjectMeta;
  readonly controller: string;
  /** `ingressclass.kubernetes.io/is-default-class`. */
  readonly isDefault: boolean;
}
