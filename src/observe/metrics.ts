import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { PoolUsage } from '../compile/addresses/address-plan.ts';
import type { Finding } from '../model/finding.ts';
import { BgpMetrics } from './bgp-metrics.ts';
import { RequestCounts } from './request-counts.ts';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Everything that `/metrics` shows. Routes are labelled by the object that made them, never by what clients send. */
export class Metrics {
  readonly #registry = new Registry();
  readonly requests = new RequestCounts();
  readonly bgp = new BgpMetrics(this.#registry);
  readonly #changes = new Counter({
    name: 'sluice_changes_total',
    help: 'Changes that reached a plane.',
    labelNames: ['plane'],
    registers: [this.#registry],
  });
  readonly #applies = new Counter({
    name: 'sluice_applies_total',
    help: 'Applies of a plan to a plane, by result.',
    labelNames: ['plane', 'result'],
    registers: [this.#registry],
  });
  readonly #latency = new Histogram({
    name: 'sluice_change_latency_seconds',
    help: 'Time from a plan being known to being applied.',
    labelNames: ['plane'],
    buckets: SECONDS,
    registers: [this.#registry],
  });
  readonly #reloads = new Counter({
    name: 'sluice_haproxy_reloads_total',
    help: 'HAProxy processes that had to be replaced, by reason. The goal is 0.',
    labelNames: ['reason'],
    registers: [this.#registry],
  });
  readonly #haproxyRefusals = new Counter({
    name: 'sluice_haproxy_refusals_total',
    help: 'Objects that HAProxy refused to take. The rest is served.',
    registers: [this.#registry],
  });
  readonly #repairs = new Counter({
    name: 'sluice_kernel_repairs_total',
    help: 'Times that another program had touched our nftables tables, and they were made anew.',
    registers: [this.#registry],
  });
  readonly #refusals = new Counter({
    name: 'sluice_kernel_refusals_total',
    help: 'Services that the kernel refused to take.',
    registers: [this.#registry],
  });
  readonly #addressesHeld = new Gauge({
    name: 'sluice_addresses_held',
    help: 'Addresses of Services that this node answers for on the local network.',
    registers: [this.#registry],
  });
  readonly #addressMoves = new Counter({
    name: 'sluice_address_moves_total',
    help: 'Addresses of Services that came to this node, or went from it.',
    labelNames: ['direction'],
    registers: [this.#registry],
  });
  readonly #announced = new Gauge({
    name: 'metallb_speaker_announced',
    help: 'Addresses that this node announces, under the name that MetalLB gives them: 1 for each.',
    labelNames: ['protocol', 'service', 'node', 'ip'],
    registers: [this.#registry],
  });
  readonly #announcedBy = new Map<string, readonly Record<'protocol' | 'service' | 'node' | 'ip', string>[]>();
  readonly #contested = new Gauge({
    name: 'sluice_addresses_contested',
    help: 'Addresses that another node has said for a minute to answer for as well. The goal is 0.',
    registers: [this.#registry],
  });
  readonly #foreignRouters = new Gauge({
    name: 'sluice_foreign_virtual_routers',
    help: 'Virtual routers that are to be ours and that others on the network use. The goal is 0.',
    registers: [this.#registry],
  });
  readonly #duplicateAddresses = new Gauge({
    name: 'sluice_duplicate_addresses',
    help: 'Addresses of Services that somebody else on the network answers for as well. The goal is 0.',
    registers: [this.#registry],
  });
  readonly #poolAddresses = new Gauge({
    name: 'sluice_pool_addresses',
    help: 'Addresses that a pool has, by IP family.',
    labelNames: ['pool', 'family'],
    registers: [this.#registry],
  });
  readonly #poolTaken = new Gauge({
    name: 'sluice_pool_addresses_taken',
    help: 'Addresses of a pool that Services have, by IP family.',
    labelNames: ['pool', 'family'],
    registers: [this.#registry],
  });
  readonly #metallbTotal = new Gauge({
    name: 'metallb_allocator_addresses_total',
    help: 'Addresses that a pool has, under the name that MetalLB gives them.',
    labelNames: ['pool'],
    registers: [this.#registry],
  });
  readonly #metallbTaken = new Gauge({
    name: 'metallb_allocator_addresses_in_use_total',
    help: 'Addresses of a pool that Services have, under the name that MetalLB gives them.',
    labelNames: ['pool'],
    registers: [this.#registry],
  });
  readonly #findings = new Gauge({
    name: 'sluice_findings',
    help: 'Objects with something wrong, by code.',
    labelNames: ['code', 'reason', 'severity'],
    registers: [this.#registry],
  });
  readonly #sources = new Gauge({
    name: 'sluice_source_synced',
    help: '1 while a source of objects is up to date, 0 while it is stale or has not synced.',
    labelNames: ['source'],
    registers: [this.#registry],
  });
  readonly #dropped = new Counter({
    name: 'sluice_access_log_dropped_total',
    help: 'Access log lines that were lost: unreadable, or the reader of the log too slow.',
    registers: [this.#registry],
  });

  readonly #logDropped = new Counter({
    name: 'sluice_log_dropped_total',
    help: "Lines of the program's log that were lost: its reader too slow.",
    registers: [this.#registry],
  });

  readonly #backlogs = new Map<string, () => number>();
  readonly #waiting = new Gauge({
    name: 'sluice_writes_waiting',
    help: 'Objects that are still to be written, or were refused and are tried again.',
    labelNames: ['plane'],
    registers: [this.#registry],
    collect: () => {
      for (const [plane, count] of this.#backlogs) this.#waiting.set({ plane }, count());
    },
  });

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
    for (const reason of ['adopted', 'crashed', 'hung', 'listeners', 'out-of-step', 'settings'])
      this.#reloads.inc({ reason }, 0);
  }

  logDropped(lines: number): void {
    this.#logDropped.inc(lines);
  }

  accessLogDropped(lines: number): void {
    this.#dropped.inc(lines);
  }

  applied(plane: string, result: { readonly changes: number; readonly waitedMs: number }): void {
    this.#applies.inc({ plane, result: 'success' });
    this.#changes.inc({ plane }, result.changes);
    this.#latency.observe({ plane }, result.waitedMs / 1000);
  }

  /** `count` is asked whenever the metrics are. */
  backlog(plane: string, count: () => number): void {
    this.#backlogs.set(plane, count);
  }

  failed(plane: string): void {
    this.#applies.inc({ plane, result: 'failure' });
  }

  /** The first start of a process is no reload; every later one is. */
  engineStarted(reason: string): void {
    if (reason !== 'started') this.#reloads.inc({ reason });
  }

  haproxyRefused(): void {
    this.#haproxyRefusals.inc();
  }

  kernelRepaired(): void {
    this.#repairs.inc();
  }

  serviceRefused(): void {
    this.#refusals.inc();
  }

  addressesHeld(count: number, gained: number, lost: number): void {
    this.#addressesHeld.set(count);
    this.#addressMoves.inc({ direction: 'gained' }, gained);
    this.#addressMoves.inc({ direction: 'lost' }, lost);
  }

  /** What this node announces by a protocol now; what it announced before and does not any more is gone. */
  announced(
    protocol: 'layer2' | 'bgp',
    node: string,
    list: readonly { readonly service: string; readonly address: string }[],
  ): void {
    for (const labels of this.#announcedBy.get(protocol) ?? []) this.#announced.remove(labels);
    const all = list.map(({ service, address }) => ({ protocol, service, node, ip: address }));
    for (const labels of all) this.#announced.set(labels, 1);
    this.#announcedBy.set(protocol, all);
  }

  foreignRouters(count: number): void {
    this.#foreignRouters.set(count);
  }

  duplicateAddresses(count: number): void {
    this.#duplicateAddresses.set(count);
  }

  contested(count: number): void {
    this.#contested.set(count);
  }

  pools(usage: readonly PoolUsage[]): void {
    for (const gauge of [this.#poolAddresses, this.#poolTaken, this.#metallbTotal, this.#metallbTaken]) gauge.reset();
    for (const { pool, family, total, taken } of usage) {
      const labels = { pool, family: family === 4 ? 'IPv4' : 'IPv6' };
      this.#poolAddresses.set(labels, Number(total));
      this.#poolTaken.set(labels, taken);
      this.#metallbTotal.inc({ pool }, Number(total));
      this.#metallbTaken.inc({ pool }, taken);
    }
  }

  findings(list: readonly Finding[]): void {
    this.#findings.reset();
    for (const { reason, code, severity } of list) this.#findings.inc({ code, reason, severity });
  }

  source(name: string, isSynced: boolean): void {
    this.#sources.set({ source: name }, isSynced ? 1 : 0);
  }

  async text(): Promise<string> {
    return `${await this.#registry.metrics()}\n${this.requests.text()}`;
  }
}
