import { PersistentMap } from '../../lib/persistent-map.ts';
import type { BackendPlan, ServerPlan } from '../../compile/plan.ts';
import { backendName, serverAddress, serverName, serverWords } from './encode.ts';
import type { RetiredFile } from './endpoint-certificates.ts';
import type { RetiredData } from './routes.ts';
import type { Rendered, Step } from './step.ts';

/**
 * What a process still holds although the plan does not want it any more: servers in maintenance
 * that finish their requests, and backends without servers that finish theirs.
 */
export interface Leftovers {
  /** `backend/server`. */
  readonly servers: ReadonlySet<string>;
  readonly backends: ReadonlySet<string>;
  /** By `dataTarget`. */
  readonly data: ReadonlyMap<string, RetiredData>;
  /** By name. */
  readonly files: ReadonlyMap<string, RetiredFile>;
}

/** What a change leaves behind, to be deleted once it is idle. */
export interface Retired {
  /** `backend/server`, in maintenance already. */
  readonly servers: readonly string[];
  /** Unpublished already. */
  readonly backends: readonly string[];
  /** Nothing leads to it any more. */
  readonly data: readonly RetiredData[];
  /** Servers that were not deleted yet may still name them. */
  readonly files: readonly RetiredFile[];
}

interface Draft {
  readonly comes: Step[];
  readonly goes: Step[];
  readonly servers: string[];
  readonly backends: string[];
}

/** The steps from some backends to others. */
export function renderBackends(
  before: PersistentMap<BackendPlan>,
  after: PersistentMap<BackendPlan>,
  leftovers: Leftovers,
): Rendered & { readonly retired: Pick<Retired, 'servers' | 'backends'> } {
  const draft: Draft = { comes: [], goes: [], servers: [], backends: [] };
  PersistentMap.diff(before, after, (_, left, right) => {
    if (right !== undefined) {
      const name = backendName(right.id);
      if (left === undefined && !leftovers.backends.has(name))
        draft.comes.push({ kind: 'add-backend', name, class: right.class });
      renderServers(name, left?.servers ?? [], right, leftovers, draft);
      if (left === undefined) draft.comes.push({ kind: 'publish-backend', name });
      return;
    }
    if (left === undefined) return;
    const name = backendName(left.id);
    draft.goes.push({ kind: 'unpublish-backend', name });
    retireServers(name, left.servers, draft);
    draft.backends.push(name);
  });
  const { comes, goes, servers, backends } = draft;
  return { comes, leads: [], goes, retired: { servers, backends } };
}

function renderServers(
  backend: string,
  before: readonly ServerPlan[],
  after: BackendPlan,
  leftovers: Leftovers,
  draft: Draft,
): void {
  const known = new Map(before.map((server) => [serverName(server), server]));
  const words = serverWords(after);
  for (const server of after.servers) {
    const name = serverName(server);
    const target = `${backend}/${name}`;
    const weight = weightOf(server);
    const old = known.get(name);
    known.delete(name);
    if (old === undefined && !leftovers.servers.has(target)) {
      const address = serverAddress(server);
      draft.comes.push({ kind: 'add-server', target, address, weight, words }, { kind: 'enable-server', target });
    } else if (old === undefined) {
      draft.comes.push({ kind: 'weigh-server', target, weight }, { kind: 'enable-server', target });
    } else if (old.state !== server.state) {
      draft.comes.push({ kind: 'weigh-server', target, weight });
    }
  }
  // Within one backend the new servers come first, so that it is never empty in between.
  retireServers(backend, [...known.values()], draft);
}

function retireServers(backend: string, servers: readonly ServerPlan[], draft: Draft): void {
  for (const server of servers) {
    const target = `${backend}/${serverName(server)}`;
    draft.goes.push({ kind: 'disable-server', target });
    draft.servers.push(target);
  }
}

/** Weight 0 drains: no new requests, while running ones finish (configuration manual, `weight`). */
export function weightOf(server: ServerPlan): string {
  return server.state === 'draining' ? '0' : '1';
}
