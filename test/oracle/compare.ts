import { reachedBackends, type BackendView, type Case, type Observation, type Request } from './case.ts';
import { cookieForm, corsForm, headerForm, isNoPreflight, locationForm, pathForm, withoutPort } from './form.ts';
import { isWanted, subjectOf, type Subject } from './subject-of-case.ts';

/** One detail in which an answer differs from the record. */
export interface Difference {
  readonly what: string;
  readonly recorded: unknown;
  readonly observed: unknown;
}

/**
 * Compares what was observed of every request of a case with the record, by what a user would notice: the kind of answer and its group of
 * statuses, which pods were reached with which path, method and Host, where a redirect leads to, and the headers that the case is about.
 * README.md beside this file says what is passed over. One list a request; empty: equal.
 */
export function compareCase(item: Case, observations: readonly Observation[]): readonly (readonly Difference[])[] {
  const subject = subjectOf(item);
  const isLoose = hasEqualPods(item);
  let hasChanged = false;
  return item.requests.map((request, index) => {
    hasChanged ||= request.before !== undefined;
    const observed = observations[index];
    if (observed === undefined) return [{ what: 'answer', recorded: request.observed.status, observed: 'missing' }];
    if (subject.answerHeaders.has('access-control-*') && isNoPreflight(request)) return [];
    return new Comparison(request, observed, { item, subject, isLoose, hasChanged }).differences();
  });
}

/** Which of several equal pods answers is chance there. */
function hasEqualPods({ topic, objects }: Case): boolean {
  const text = JSON.stringify(objects);
  return topic === 'affinity' || topic === 'lb' || text.includes('"multi"') || text.includes('"half');
}

interface Context {
  readonly item: Case;
  readonly subject: Subject;
  readonly isLoose: boolean;
  /** Whether objects were changed since the first request of the case. */
  readonly hasChanged: boolean;
}

class Comparison {
  readonly #request: Request;
  readonly #recorded: Observation;
  readonly #observed: Observation;
  readonly #context: Context;
  readonly #found: Difference[] = [];

  constructor(request: Request, observed: Observation, context: Context) {
    this.#request = request;
    this.#recorded = request.observed;
    this.#observed = observed;
    this.#context = context;
  }

  differences(): readonly Difference[] {
    if (isCounted(this.#recorded)) this.#compareCounts();
    else {
      this.#compareOutcome();
      this.#compareStatus();
      this.#compareAnswerHeaders();
      this.#compareBackends();
      this.#compareConnection();
    }
    return this.#found;
  }

  #compare(what: string, recorded: unknown, observed: unknown): void {
    if (JSON.stringify(recorded) !== JSON.stringify(observed)) this.#found.push({ what, recorded, observed });
  }

  #each(what: string, valueOf: (observation: Observation) => unknown): void {
    this.#compare(what, valueOf(this.#recorded), valueOf(this.#observed));
  }

  #compareOutcome(): void {
    this.#each('kind', kindOf);
    if (kindOf(this.#recorded) === 'redirect' && kindOf(this.#observed) === 'redirect')
      this.#each('location', ({ headers }) => locationForm(headers?.['location'], this.#request));
    if (this.#recorded.status === 'tcp' || this.#recorded.status === 'udp')
      this.#each('answer', ({ body }) => body?.replaceAll(/\d{5}/g, 'N'));
    else this.#each('reached', (observation) => reachedForm(observation, this.#context));
  }

  #compareStatus(): void {
    const isBackends = [this.#recorded, this.#observed].every(({ headers }) => headers?.['x-pod'] !== undefined);
    this.#each('status', ({ status }) => (isBackends ? status : this.#group(status)));
    const { statuses, status } = this.#recorded;
    if (Array.isArray(statuses) && Number(status ?? 0) < 400)
      this.#each('answers', (observation) => (Array.isArray(observation.statuses) ? observation.statuses.length : 0));
  }

  #group(status: Observation['status']): unknown {
    const { hasLimit, hasRedirectCode } = this.#context.subject;
    return groupOf(status, hasLimit, hasRedirectCode);
  }

  #compareAnswerHeaders(): void {
    const { answerHeaders, hasRealm } = this.#context.subject;
    for (const name of namesOf(this.#recorded.headers, this.#observed.headers)) {
      if (!isWanted(name, answerHeaders) || name.startsWith('access-control-')) continue;
      if (name === 'set-cookie') this.#compareCookies();
      else this.#each(`header ${name}`, ({ headers }) => headerForm(name, headers?.[name], hasRealm));
    }
    if (!answerHeaders.has('access-control-*')) return;
    this.#each('cors', ({ headers = {} }) => corsForm(headers, this.#request));
  }

  #compareCookies(): void {
    const { subject, isLoose, hasChanged } = this.#context;
    const [recorded, observed] = [this.#recorded, this.#observed].map(({ headers }) => headers?.['set-cookie']);
    const known = [observed ?? []].flat().filter((cookie) => isKnownCookie(cookie, subject));
    // Whether a cookie is set again after pods came or went is a product's own affair.
    if (isLoose && hasChanged && (recorded === undefined || known.length === 0)) return;
    this.#compare('header set-cookie', headerForm('set-cookie', recorded), headerForm('set-cookie', known));
  }

  #compareBackends(): void {
    const [recorded, observed] = [byPlace(this.#recorded, this.#context), byPlace(this.#observed, this.#context)];
    const hasBody = this.#request.body !== undefined || this.#request.body_size !== undefined;
    for (const [place, left] of recorded) {
      const right = observed.get(place);
      if (right === undefined) continue;
      for (const name of namesOf(left.headers, right.headers)) {
        if (!this.#isComparedAtBackend(name, left.pod)) continue;
        this.#compare(
          `to ${left.pod}: ${name}`,
          headerForm(name, left.headers?.[name]),
          headerForm(name, right.headers?.[name]),
        );
      }
      if (hasBody) this.#compare(`to ${left.pod}: length`, left.len, right.len);
      this.#compare(`to ${left.pod}: client certificate`, left.peerCN, right.peerCN);
      this.#compare(`to ${left.pod}: broken body`, left.err === undefined, right.err === undefined);
    }
  }

  #isComparedAtBackend(name: string, pod: string): boolean {
    if (this.#context.isLoose && name === 'cookie') return false;
    return isWanted(name, this.#context.subject.backendHeaders) || (pod.startsWith('err') && FOR_ERRORS.has(name));
  }

  #compareConnection(): void {
    if (this.#request.show_cert === true) this.#each('certificate', ({ cert }) => certificateForm(cert));
    for (const field of ['alpn', 'ws_echo', 'ws_after_change', 'ws_after_idle', 'ingress_status'] as const)
      if (field in this.#recorded) this.#each(field, (observation) => observation[field]);
    if (this.#recorded.trailers !== undefined) this.#each('grpc-status', ({ trailers }) => trailers?.['grpc-status']);
  }

  #compareCounts(): void {
    if (!isCounted(this.#observed)) {
      this.#compare('statuses', this.#recorded.statuses, this.#observed.statuses);
      return;
    }
    const { isLoose, item, subject, hasChanged } = this.#context;
    this.#compareShares('kinds', (observation) => countedBy(observation.statuses, (status) => kindOf({ status })));
    if (isLoose)
      this.#each('one or several pods', ({ pods = {} }) => Object.keys(pods).filter((pod) => pod !== '-').length > 1);
    else this.#compareShares('pods', ({ pods = {} }) => pods);
    this.#compareShares('statuses', (observation) =>
      countedBy(observation.statuses, (status) => String(this.#group(status))),
    );
    if (item.topic !== 'affinity') return;
    const [recorded, observed] = [this.#recorded, this.#observed].map(({ headers }) =>
      [headers?.['set-cookie'] ?? []].flat(),
    );
    const known = (observed ?? []).filter((cookie) => isKnownCookie(cookie, subject));
    if (hasChanged && (recorded?.length === 0 || known.length === 0)) return;
    this.#compare('header set-cookie', headerForm('set-cookie', recorded), headerForm('set-cookie', known));
  }

  #compareShares(what: string, countsOf: (observation: Observation) => Counts): void {
    const [recorded, observed] = [countsOf(this.#recorded), countsOf(this.#observed)];
    const far = [...new Set([...Object.keys(recorded), ...Object.keys(observed)])].some((name) =>
      isFar(shareOf(recorded, name), shareOf(observed, name)),
    );
    if (far) this.#found.push({ what, recorded, observed });
  }
}

type Counts = Readonly<Record<string, number>>;

const FOR_ERRORS = new Set([
  'x-code',
  'x-format',
  'x-original-uri',
  'x-namespace',
  'x-ingress-name',
  'x-service-name',
  'x-service-port',
]);

/** Whether it sums several requests up. */
export function isCounted({ statuses }: Observation): boolean {
  return typeof statuses === 'object' && !Array.isArray(statuses);
}

/** What came of a request, in one word. */
export function kindOf({ status, body }: Observation): string {
  if (status === 'tcp' || status === 'udp') return body === '<closed>' ? 'not served' : status;
  if (status === 101) return 'switched';
  if (typeof status !== 'number') return 'not served';
  if ((status >= 200 && status < 300) || status === 304) return 'served';
  return status >= 300 && status < 400 ? 'redirect' : 'not served';
}

const REFUSED = new Set<unknown>([400, 403, 405, 414, 421, 431, 494, 495, 496, 497]);
const UNANSWERED = new Set<unknown>(['tls error', 'reset', 'closed without answer', null, undefined]);

/** Statuses that gateways use alike, under one name. */
function groupOf(status: Observation['status'], hasLimit: boolean, hasRedirectCode: boolean): unknown {
  if (UNANSWERED.has(status)) return 'refused';
  if (typeof status !== 'number') return status;
  if (hasLimit && (status === 429 || status === 503)) return 'limited';
  if (status >= 200 && status < 300) return '2xx';
  if (!hasRedirectCode && (status === 301 || status === 308)) return 'permanent redirect';
  if (!hasRedirectCode && (status === 302 || status === 303 || status === 307)) return 'temporary redirect';
  if (REFUSED.has(status)) return 'refused';
  return status >= 500 && status < 600 ? '5xx' : status;
}

function isAuxiliary({ pod }: BackendView): boolean {
  return pod.startsWith('auth') || pod.startsWith('mirror');
}

/** Pods that are as good as one another have one name where it is chance which of them answers. */
function podName({ pod }: BackendView, { isLoose }: Context): string {
  return isLoose && /^p\d+$/.test(pod) ? '*' : pod;
}

/** Which backends were reached with what. Attempts on one pod count as one, but where it is about attempts. */
function reachedForm(observation: Observation, context: Context): readonly string[] {
  const places = reachedBackends(observation).map((view) => {
    const name = podName(view, context);
    if (view.raw !== undefined) return `${name} raw`;
    const path = view.pod.startsWith('err') ? (view.path ?? '').split('?')[0] : view.path;
    const host = isAuxiliary(view) ? '' : withoutPort(view.host ?? '').toLowerCase();
    return [name, view.method, host, pathForm(path ?? '')].join(' ');
  });
  const unique = [...new Set(places)].toSorted();
  if (context.item.topic !== 'retries') return unique;
  return unique.map(
    (place) => `${place} ${places.filter((item) => item === place).length > 1 ? 'several times' : 'once'}`,
  );
}

/** The last request to each pod and path. */
function byPlace(observation: Observation, context: Context): ReadonlyMap<string, BackendView> {
  return new Map(
    reachedBackends(observation).map((view) => [
      `${podName(view, context)} ${pathForm((view.path ?? '').split('?')[0] ?? '')}`,
      view,
    ]),
  );
}

function isKnownCookie(cookie: string, { cookies }: Subject): boolean {
  return cookies === undefined || cookies.has(cookieForm(cookie).split('=')[0] ?? '');
}

function certificateForm(name: string | null | undefined): string | undefined {
  if (name === null || name === undefined) return undefined;
  return ['CN=c1', 'CN=c2', 'CN=wild'].includes(name) ? name : 'default';
}

function namesOf(...headers: readonly (Observation['headers'] | undefined)[]): readonly string[] {
  return [...new Set(headers.flatMap((item) => Object.keys(item ?? {})))].toSorted();
}

function countedBy(statuses: Observation['statuses'], nameOf: (status: number | string) => string): Counts {
  const counts: Record<string, number> = {};
  for (const [text, count] of Object.entries(statuses ?? {})) {
    const name = nameOf(/^\d+$/.test(text) ? Number(text) : text);
    counts[name] = (counts[name] ?? 0) + count;
  }
  return counts;
}

function shareOf(counts: Counts, name: string): number {
  const sum = Object.values(counts).reduce((total, count) => total + count, 0);
  return (counts[name] ?? 0) / Math.max(1, sum);
}

/** Chance may make a share larger or smaller by a quarter, but not out of nothing. */
function isFar(recorded: number, observed: number): boolean {
  if (Math.abs(recorded - observed) > 0.25) return true;
  return (recorded === 0 && observed > 0) || (observed === 0 && recorded >= 0.1);
}
