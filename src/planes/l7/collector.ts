import { crash } from '../../lib/crash.ts';
import type { Turns } from '../../lib/turns.ts';
import type { L7Plan } from '../../compile/plan.ts';
import { backendName, serverName } from './encode.ts';
import type { Leftovers, Retired } from './backends.ts';
import { endpointFiles, type RetiredFile } from './endpoint-certificates.ts';
import { outcomesOf, type Send } from './execute.ts';
import { DATA_MAPS } from './files.ts';
import type { Outcome } from './reply.ts';
import { hostEntries, type RetiredData } from './routes.ts';

const FIRST_TRY_MS = 100;
const LONGEST_WAIT_MS = 30_000;

/** How long data of a route outlast it: requests that were led to them may wait for an authentication or a body in between. */
const DATA_OUTLAST_MS = 60_000;

/**
 * Deletes servers and backends that the plan has dropped once their last request has ended, then the files that these named, and data of
 * routes a while after.
 * HAProxy refuses to delete them before (management guide, `del server`), so it is tried again, ever
 * more slowly, for as long as a download or WebSocket holds on to them.
 */
export class Collector {
  readonly #servers = new Set<string>();
  readonly #backends = new Set<string>();
  readonly #data = new Map<string, RetiredData & { readonly dueMs: number }>();
  readonly #files = new Map<string, RetiredFile>();
  #timer: NodeJS.Timeout | undefined;
  #waitMs = FIRST_TRY_MS;

  get leftovers(): Leftovers {
    return { servers: this.#servers, backends: this.#backends, data: this.#data, files: this.#files };
  }

  /** Takes up what a change left behind, and lets go of what the plan has revived. */
  add(plan: L7Plan, retired: Retired): void {
    for (const target of retired.servers) this.#servers.add(target);
    for (const name of retired.backends) this.#backends.add(name);
    for (const target of this.#servers) if (isWanted(plan, target)) this.#servers.delete(target);
    for (const name of this.#backends) if (plan.backends.has(name)) this.#backends.delete(name);
    const dueMs = performance.now() + DATA_OUTLAST_MS;
    for (const item of retired.data) this.#data.set(item.target, { ...item, dueMs });
    for (const [target, { host }] of this.#data) if (isDataWanted(plan, host, target)) this.#data.delete(target);
    for (const item of retired.files) this.#files.set(item.file, item);
    for (const file of this.#files.size === 0 ? [] : endpointFiles(plan)) this.#files.delete(file);
    this.#waitMs = FIRST_TRY_MS;
  }

  /** Tries to delete all leftovers after a while, through `send`, one turn at a time, and again while some remain. */
  schedule(send: Send, turns: Turns): void {
    if (this.#timer !== undefined || !this.#hasLeftovers) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      this.#waitMs = Math.min(LONGEST_WAIT_MS, this.#waitMs * 2);
      this.#turn(send, turns).catch(crash);
    }, this.#waitMs).unref();
  }

  get #hasLeftovers(): boolean {
    return this.#servers.size + this.#backends.size + this.#data.size + this.#files.size > 0;
  }

  /** A new process holds no leftovers. */
  reset(): void {
    this.#servers.clear();
    this.#backends.clear();
    this.#data.clear();
    this.#files.clear();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.reset();
  }

  async #turn(send: Send, turns: Turns): Promise<void> {
    await turns.take(() => this.#collect(send));
    this.schedule(send, turns);
  }

  async #collect(send: Send): Promise<void> {
    await this.#deleteServers(send);
    await this.#deleteData(send);
    const idle = [...this.#backends].filter(
      (name) => ![...this.#servers].some((target) => target.startsWith(`${name}/`)),
    );
    // HAProxy may repeat so much of what it has said before that its answer is cut off in front of "Backend deleted.". Of a backend that is
    // gone it then says so; without the question a change that revives it would add servers to what is not there.
    const unclear = await this.#deleteBackends(idle, send);
    await this.#deleteBackends(unclear, send);
    await this.#deleteFiles(send);
  }

  async #deleteServers(send: Send): Promise<void> {
    const targets = [...this.#servers];
    const outcomes = await outcomesOf(
      targets.map((target) => ({ kind: 'delete-server', target })),
      '',
      send,
    );
    targets.forEach((target, index) => {
      if (isGone(outcomes[index])) this.#servers.delete(target);
    });
  }

  /** What HAProxy refuses to delete is forgotten: it is not there, or as good as that. */
  async #deleteData(send: Send): Promise<void> {
    const nowMs = performance.now();
    const due = [...this.#data.values()].filter(({ dueMs }) => dueMs <= nowMs);
    await outcomesOf(
      due.map(({ map, key }) => ({ kind: 'delete-data', map: DATA_MAPS[map], key })),
      '',
      send,
    );
    for (const { target } of due) this.#data.delete(target);
  }

  /** HAProxy refuses to delete a certificate that a server names. */
  async #deleteFiles(send: Send): Promise<void> {
    const files = [...this.#files.values()];
    const outcomes = await outcomesOf(
      files.map(({ kind, file }) => ({ kind: `delete-${kind}`, file })),
      '',
      send,
    );
    files.forEach(({ file }, index) => {
      if (isGone(outcomes[index])) this.#files.delete(file);
    });
  }

  /** Returns those of which HAProxy does not say that they are gone. */
  async #deleteBackends(names: readonly string[], send: Send): Promise<readonly string[]> {
    const outcomes = await outcomesOf(
      names.map((name) => ({ kind: 'delete-backend', name })),
      '',
      send,
    );
    return names.filter((name, index) => {
      if (!isGone(outcomes[index])) return true;
      this.#backends.delete(name);
      return false;
    });
  }
}

function isGone(outcome: Outcome | undefined): boolean {
  return outcome?.kind === 'done' || outcome?.kind === 'absent';
}

function isDataWanted(plan: L7Plan, host: string, target: string): boolean {
  const found = plan.hosts.get(host);
  return found !== undefined && hostEntries(found).data.has(target);
}

function isWanted(plan: L7Plan, target: string): boolean {
  const [backend = '', name = ''] = target.split('/');
  const found = plan.backends.get(backend);
  return (
    found !== undefined &&
    backendName(found.id) === backend &&
    found.servers.some((server) => serverName(server) === name)
  );
}
