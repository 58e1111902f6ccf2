import type { EndpointSlice } from '../../model/service.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { Facts } from '../settings.ts';
import type { RouteSetTable } from './route-set-table.ts';

/** What has changed since the last compile, and how to look up the rest. */
export interface L7Input {
  readonly snapshot: Snapshot;
  readonly before: Snapshot;
  readonly facts: Facts;
  readonly routeSets: Pick<RouteSetTable, 'get' | 'secretsOf' | 'configMapsOf'>;
  readonly changedRouteSets: ReadonlySet<string>;
  readonly changedServices: ReadonlySet<string>;
  readonly slicesOf: (service: string) => readonly EndpointSlice[];
}
