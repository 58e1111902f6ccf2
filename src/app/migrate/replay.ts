import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { partsOf, type RoutedRequest } from '../../compile/l7/answer/request.ts';
import type { NginxAnswer } from '../../compile/l7/nginx/answer.ts';
import { Fault, messageOf } from '../../lib/fault.ts';
import { loggedRequest, type LoggedRequest } from './access-log.ts';
import { Comparison, type RuleSets } from './comparison.ts';

/** What replaying an access log has shown. */
export interface ReplayReport {
  readonly lines: number;
  /** Lines that no format we know has. */
  readonly unreadable: number;
  /** Lines that would be answered alike. */
  readonly same: number;
  /** Lines of which the log does not say enough: neither host nor upstream, or of one that the objects do not have. */
  readonly unexplained: number;
  /** Each with how many lines are like it, most first. */
  readonly changed: readonly ReplayedRequest[];
}

/** A request of the log that would be answered otherwise. */
export interface ReplayedRequest {
  readonly request: string;
  readonly count: number;
  readonly old: string;
  readonly now: string;
  /** Whether it would be so on every host that the request may have been for. */
  readonly isCertain: boolean;
  /** `namespace/name` of the Ingress that had it; empty for none. */
  readonly owner: string;
}

/** Replays the request lines of a log. @throws Fault `replay` where the file cannot be read */
export async function replayFile(path: string, rules: RuleSets): Promise<ReplayReport> {
  const replay = new Replay(rules);
  try {
    for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Infinity })) replay.add(line);
  } catch (cause) {
    throw new Fault('replay', `cannot read ${path}: ${messageOf(cause)}`, { cause, retryable: false });
  }
  return replay.report();
}

type Verdict =
  | { readonly kind: 'same' }
  | { readonly kind: 'unexplained' }
  | { readonly kind: 'changed'; readonly change: Omit<ReplayedRequest, 'count'> };

/** Counts the lines of a log by what would become of them. */
export class Replay {
  readonly #comparison: Comparison;
  /** Most lines of a log are like others. */
  readonly #known = new Map<string, Verdict>();
  readonly #changed = new Map<string, ReplayedRequest>();
  #lines = 0;
  #unreadable = 0;
  #same = 0;
  #unexplained = 0;

  constructor(rules: RuleSets) {
    this.#comparison = new Comparison(rules);
  }

  add(line: string): void {
    if (line.trim() === '') return;
    this.#lines += 1;
    const read = loggedRequest(line);
    // No location goes by the query, and without it most lines are like others.
    const logged = read === undefined ? undefined : { ...read, target: partsOf(read.target).path };
    if (logged === undefined) {
      this.#unreadable += 1;
      return;
    }
    const key = JSON.stringify(logged);
    const verdict = this.#known.get(key) ?? this.#judge(logged);
    this.#known.set(key, verdict);
    if (verdict.kind === 'same') this.#same += 1;
    else if (verdict.kind === 'unexplained') this.#unexplained += 1;
    else {
      const name = JSON.stringify(verdict.change);
      this.#changed.set(name, { ...verdict.change, count: (this.#changed.get(name)?.count ?? 0) + 1 });
    }
  }

  report(): ReplayReport {
    return {
      lines: this.#lines,
      unreadable: this.#unreadable,
      same: this.#same,
      unexplained: this.#unexplained,
      changed: [...this.#changed.values()].toSorted((a, b) => b.count - a.count || (a.request < b.request ? -1 : 1)),
    };
  }

  #judge(logged: LoggedRequest): Verdict {
    const candidates = this.#candidates(logged);
    if (candidates.length === 0) return { kind: 'unexplained' };
    const judged = candidates.map(({ request, old }) => ({
      request,
      owner: old.owner,
      ...this.#comparison.compare(request, old),
    }));
    const first = judged.find(({ isSame }) => !isSame);
    if (first === undefined) return { kind: 'same' };
    const host =
      judged.length === 1 || logged.host !== undefined ? first.request.host : `${first.request.host} or another`;
    return {
      kind: 'changed',
      change: {
        request: `${logged.method} ${first.request.scheme}://${host}${logged.target}`,
        old: first.old,
        now: first.now,
        isCertain: judged.every(({ isSame }) => !isSame),
        owner: first.owner,
      },
    };
  }

  /** The requests that the line may be of: for the host that it names, or for each on which nginx would have done what the line says. */
  #candidates(logged: LoggedRequest): readonly { readonly request: RoutedRequest; readonly old: NginxAnswer }[] {
    const { nginx } = this.#comparison.rules;
    const hosts = logged.host === undefined ? nginx.hosts.map(exampleOf) : [logged.host];
    const schemes = logged.scheme === undefined ? (['https', 'http'] as const) : [logged.scheme];
    for (const scheme of schemes) {
      const found = hosts
        .map((host): RoutedRequest => ({ scheme, method: logged.method, host, target: logged.target, headers: {} }))
        .map((request) => ({ request, old: nginx.answer(request) }))
        .filter(({ old }) => isLogged(old, logged));
      if (found.length > 0) return found;
    }
    return [];
  }
}

function exampleOf(host: string): string {
  return host === '_' ? 'any-other-host.invalid' : host.replace(/^\*/, 'any');
}

/** Whether the line can be of this: the same upstream, or an answer of nginx itself of that status. */
function isLogged({ upstream, status }: NginxAnswer, logged: LoggedRequest): boolean {
  if (logged.upstream !== '') {
    // A redirect is logged with the upstream of its location, too.
    return upstream === '' ? status === logged.status : upstream === logged.upstream;
  }
  return status === logged.status;
}
