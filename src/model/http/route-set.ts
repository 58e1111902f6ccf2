import type { Finding } from '../finding.ts';
import type { Hostname } from '../grammar.ts';
import type { ObjectMeta, ObjectRef } from '../object.ts';
import type { EndpointConnection } from './endpoint-connection.ts';
import type { BackendRef } from './backend-ref.ts';
import type { HttpFilter } from './filter.ts';
import type { Conditions, PathMatch } from './match.ts';

/**
 * What one object asks of the L7 plane, in the vocabulary of Gateway API (HTTPRoute, gateway.networking.k8s.io/v1), which is the superset.
 * `compile/l7/producers/` makes one from each kind of object; nothing behind them knows which kind it was.
 */
export interface RouteSet {
  /** The object: whom Findings are about, whom the access log names, and of which age the routes are. */
  readonly ref: ObjectRef;
  readonly meta: ObjectMeta;
  /** At most one a host, entrance and depth. */
  readonly routes: readonly HttpRoute[];
  readonly tls: readonly TlsClaim[];
  /** Its listeners for TLS on ports of the engine that they have for themselves. */
  readonly tlsListeners?: readonly { readonly port: number; readonly host: Hostname | undefined }[] | undefined;
  /** `namespace/name` of the Secret for clients that name a host without a certificate, or none. */
  readonly defaultSecret?: string | undefined;
  /** `namespace/name` of Secrets that are read for it besides those of `tls`. */
  readonly secrets: readonly string[];
  /** `namespace/name` of ConfigMaps that say something of it. */
  readonly configMaps: readonly string[];
  /** Whether nothing of it is to be served before its Secrets and ConfigMaps are known. */
  readonly waitsForSecrets: boolean;
  /** `namespace/name` of every Service that is named, whether it exists or not. */
  readonly services: readonly string[];
  readonly findings: readonly Finding[];
}

/** All that one object routes on one host. `host` undefined: every host that no other route names. */
export interface HttpRoute {
  readonly host: Hostname | undefined;
  readonly entrance: Entrance;
  /** Whether the `*` of a wildcard host stands for any number of labels, as in Gateway API, rather than for one, as in an Ingress. */
  readonly isDeep?: true | undefined;
  readonly rules: readonly HttpRule[];
  /** Whether it counts only where no other object routes the host. */
  readonly yields?: boolean;
}

/**
 * Where requests come in: `main` through the ports for HTTP and for HTTPS alike, `http` and `https` through one of these two, and a
 * number through the port of HAProxy that a listener of a Gateway has for itself. What is for `main` is for no port of a Gateway.
 */
export type Entrance = 'main' | 'http' | 'https' | number;

/** One match with its target. */
export interface HttpRule {
  readonly match: PathMatch;
  /** What a request has to have besides the path. Where none of a path's rules wants it, a shorter path's are tried. */
  readonly conditions: Conditions;
  readonly filters: readonly HttpFilter[];
  readonly target: RuleTarget;
  /** JSON path in the object, for Findings. */
  readonly field: string;
  readonly precedence: Precedence;
  /** What becomes of some of its requests instead: they are tried in this order before the rule itself. */
  readonly variants?: readonly RuleVariant[] | undefined;
  /** Of an Ingress, the path as it is written, where it may have to be read as ingress-nginx reads it. */
  readonly nginx?: NginxPath | undefined;
}

/** What becomes of those requests of a rule that fulfil conditions. */
export interface RuleVariant {
  readonly conditions: Conditions;
  /** Beside those of the rule, and after them. */
  readonly filters: readonly HttpFilter[];
  readonly target: SingleTarget;
}

/** What decides how ingress-nginx matches a path. */
export interface NginxPath {
  readonly path: string;
  readonly type: 'Exact' | 'Prefix' | 'ImplementationSpecific';
  readonly usesRegex: boolean;
  /** Empty: none. */
  readonly rewriteTarget: string;
}

/**
 * Which of two rules for one match wins, before their age is asked: an object's rule over any object's default backend (`fallback`), and
 * both over what the program's flags name (`last-resort`).
 */
export type Precedence = 'rule' | 'fallback' | 'last-resort';

/** Where requests of a rule go. `unavailable`: the reference is broken, so the rule fails closed with 503. */
export type RuleTarget =
  | SingleTarget
  /** Each request goes to one of them, by weight. */
  | { readonly kind: 'split'; readonly shares: readonly Share[] }
  /** For rules that redirect whatever they get. */
  | { readonly kind: 'none' };

/** A part of the requests of a rule (HTTPBackendRef). */
export interface Share {
  /** From 0, for none, to 1,000,000; of the sum of all weights of the rule. */
  readonly weight: number;
  /** Beside those of the rule, and after them. */
  readonly filters: readonly HttpFilter[];
  readonly target: SingleTarget;
}

export type SingleTarget =
  | {
      readonly kind: 'forward';
      readonly backend: BackendRef;
      /** Undefined: as the Service port says. */
      readonly connection?: EndpointConnection | undefined;
    }
  | {
      readonly kind: 'unavailable';
      /** What Gateway API asks for where a backend, or a route, cannot be had; 503 unless it is given. */
      readonly status?: 404 | 500 | undefined;
      readonly reason: UnavailableReason;
    };

/**
 * Why the target of a rule cannot be had. `backends-missing`: the rule names none, which Gateway API answers by 500; `no-route`: it is there to
 * refuse.
 */
export type UnavailableReason =
  | 'no-route'
  | 'service-missing'
  | 'port-missing'
  | 'backend-invalid'
  | 'restriction-unsupported'
  | 'restriction-broken'
  | 'backends-missing';

/** Whether a target is there to keep people out: then nothing else of its rule is done, and it holds at once. */
export function isRestriction(target: RuleTarget): boolean {
  if (target.kind !== 'unavailable') return false;
  return target.reason === 'restriction-unsupported' || target.reason === 'restriction-broken';
}

/** That an object wants TLS for a host. */
export interface TlsClaim {
  readonly host: Hostname;
  /** `namespace/name`; undefined: the default certificate. */
  readonly secret: string | undefined;
  /** The Secret that the host had before, whose certificate is served while `secret` cannot be read. */
  readonly formerSecret?: string | undefined;
  /** JSON path in the object, for Findings. */
  readonly field: string;
  /** JSON path of the reference to the Secret. */
  readonly secretField: string;
}
