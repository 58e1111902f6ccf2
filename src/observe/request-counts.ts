/** What is counted of a request. */
export interface FinishedRequest {
  /** `namespace/name` of the object whose rule matched; empty when none did. */
  readonly route: string;
  /** 0 when there was no answer. */
  readonly status: number;
  /** Milliseconds from the first byte of the request to the last of its answer; -1 when it never began. */
  readonly totalMs: number;
}

/** Upper ends of the buckets of the latency histogram, in milliseconds. */
const BUCKETS_MS = [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000] as const;

/** What is known of the requests of one route. */
interface RouteCounts {
  readonly statuses: Map<number, number>;
  /** How many took that long, by bucket; the last is for all that took longer than the largest. */
  readonly buckets: number[];
  sumMs: number;
}

/**
 * Finished requests per route, status and latency. Kept in plain numbers and put into Prometheus' text format only when asked:
 * a metrics library would cost more per request than all the rest of reading its line.
 */
export class RequestCounts {
  readonly #routes = new Map<string, RouteCounts>();

  count({ route, status, totalMs }: FinishedRequest): void {
    const counts = this.#routes.get(route) ?? this.#addRoute(route);
    counts.statuses.set(status, (counts.statuses.get(status) ?? 0) + 1);
    if (totalMs < 0) return;
    const bucket = bucketOf(totalMs);
    counts.buckets[bucket] = (counts.buckets[bucket] ?? 0) + 1;
    counts.sumMs += totalMs;
  }

  #addRoute(route: string): RouteCounts {
    const counts = { statuses: new Map<number, number>(), buckets: BUCKETS_MS.map(() => 0).concat(0), sumMs: 0 };
    this.#routes.set(route, counts);
    return counts;
  }

  /** The metrics in Prometheus' text format. */
  text(): string {
    const requests: string[] = [];
    const durations: string[] = [];
    for (const [route, { statuses, buckets, sumMs }] of this.#routes) {
      // A route is a namespace and a name in the grammar of Kubernetes: nothing in it needs escaping.
      for (const [status, count] of statuses) {
        requests.push(`sluice_requests_total{route="${route}",status="${String(status)}"} ${String(count)}\n`);
      }
      let total = 0;
      for (const [index, count] of buckets.entries()) {
        total += count;
        const limit = BUCKETS_MS[index];
        const le = limit === undefined ? '+Inf' : String(limit / 1000);
        durations.push(`sluice_request_duration_seconds_bucket{le="${le}",route="${route}"} ${String(total)}\n`);
      }
      durations.push(`sluice_request_duration_seconds_sum{route="${route}"} ${String(sumMs / 1000)}\n`);
      durations.push(`sluice_request_duration_seconds_count{route="${route}"} ${String(total)}\n`);
    }
    return `# HELP sluice_requests_total Finished requests by route (namespace/name of its Ingress) and status.
# TYPE sluice_requests_total counter
${requests.join('')}
# HELP sluice_request_duration_seconds Time from the first byte of a request to the last of its answer.
# TYPE sluice_request_duration_seconds histogram
${durations.join('')}`;
  }
}

function bucketOf(ms: number): number {
  let bucket = 0;
  for (const limit of BUCKETS_MS) {
    if (ms <= limit) return bucket;
    bucket += 1;
  }
  return bucket;
}
