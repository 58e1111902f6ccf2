import type { Finding } from '../../../model/finding.ts';
import type { RouteSet } from '../../../model/http/route-set.ts';
import type { Snapshot } from '../../../model/snapshot.ts';
import type { CompileSettings } from '../../settings.ts';

/**
 * Makes the RouteSets of one kind of object. Pure: what it returns depends on the Snapshot and the settings alone, and of the Snapshot on
 * nothing but the object, what {@link changed} looks at, and the Services that the RouteSet says it names.
 */
export interface RouteProducer {
  /** Begins the keys of its RouteSets: the kind of the objects. */
  readonly kind: string;
  /** `namespace/name` of the objects that have changed, or about which something has that decides whose they are. */
  changed(before: Snapshot, after: Snapshot, settings: CompileSettings): ReadonlySet<string>;
  /** Undefined where there is no such object. */
  produce(key: string, snapshot: Snapshot, settings: CompileSettings): Production | undefined;
}

/** An object that is another controller's makes no RouteSet; perhaps it has to be said why. */
export type Production =
  | { readonly isOurs: true; readonly routeSet: RouteSet }
  | { readonly isOurs: false; readonly findings: readonly Finding[] };
