import { PersistentMap } from '../../lib/persistent-map.ts';
import type { HttpFilter } from '../../model/http/filter.ts';
import type { PasswordFile } from '../../model/password-file.ts';
import { DependencyIndex } from '../dependency-index.ts';
import type { Destination, HostPlan } from '../plan.ts';

/** The password files that routes ask with. */
export class PasswordTable {
  readonly #filesOfHost = new DependencyIndex();
  #plans = PersistentMap.empty<PasswordFile>();

  get plans(): PersistentMap<PasswordFile> {
    return this.#plans;
  }

  /** Says which routes a host has, in place of what was said before. */
  use(host: string, plans: readonly HostPlan[]): void {
    const files = plans.flatMap(({ routes }) =>
      routes.flatMap((route) => [route, ...route.alternatives].flatMap(filtersOf).flatMap(passwordsOf)),
    );
    const before = this.#filesOfHost.inputsOf(host);
    this.#filesOfHost.set(
      host,
      files.map(({ id }) => id),
    );
    for (const file of files) if (!this.#plans.has(file.id)) this.#plans = this.#plans.set(file.id, file);
    for (const id of before) if (this.#filesOfHost.ownersOf(id).size === 0) this.#plans = this.#plans.delete(id);
  }
}

/** Those of its shares, too. */
function filtersOf({ filters, action }: Destination): readonly HttpFilter[] {
  return action.kind === 'split' ? [...filters, ...action.shares.flatMap((share) => share.filters)] : filters;
}

function passwordsOf(filter: HttpFilter): readonly PasswordFile[] {
  return filter.type === 'BasicAuth' ? [filter.passwords] : [];
}
