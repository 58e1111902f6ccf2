import { PersistentMap } from '../../lib/persistent-map.ts';
import type { PathMatch } from '../../model/http/match.ts';
import { pathRegexOf, type PathRegex } from '../../model/path-regex.ts';
import type { BackendPlan, HostPlan, L7Plan, RoutePlan, ServerPlan } from '../../compile/plan.ts';
import { renderCertificates, renderDefaultCertificate } from './certificates.ts';
import { MAX_PAYLOAD_BYTES, payload, type Command } from './command.ts';
import {
  backendName,
  keyArgument,
  keyHost,
  regexKey,
  routeKey,
  routeValue,
  serverAddress,
  serverName,
} from './encode.ts';
import { BACKEND_CLASS, FILES } from './skeleton.ts';

/**
 * What a process still holds although the plan does not want it any more: servers in maintenance
 * that finish their requests, and backends without servers that finish theirs.
 */
export interface Leftovers {
  /** `backend/server`. */
  readonly servers: ReadonlySet<string>;
  readonly backends: ReadonlySet<string>;
}

/** The commands from one plan to the next, and what they leave behind to be deleted once it is idle. */
export interface RenderedChange {
  readonly commands: readonly Command[];
  /** `backend/server`, in maintenance already. */
  readonly retiredServers: readonly string[];
  /** Unpublished already. */
  readonly retiredBackends: readonly string[];
}

/**
 * The smallest set of commands that takes HAProxy from `before` to `after`. Pure; visits only what
 * differs. The order is what makes it safe: a thing is there before anything points at it, and goes
 * only after nothing does. Each route changes in one atomic step.
 */
export function renderChange(
  before: L7Plan,
  after: L7Plan,
  leftovers: Leftovers,
  selfSignedPem: string,
): RenderedChange {
  const certificates = renderCertificates(before.certificates, after.certificates);
  const backends = renderBackends(before.backends, after.backends, leftovers);
  const routes = renderRoutes(before.hosts, after.hosts);
  return {
    commands: [
      ...certificates.added,
      ...renderDefaultCertificate(before, after, selfSignedPem),
      ...backends.added,
      ...routes.commands,
      ...backends.removed,
      ...certificates.removed,
    ],
    retiredServers: backends.retiredServers,
    retiredBackends: backends.retiredBackends,
  };
}

interface RenderedBackends {
  readonly added: Command[];
  readonly removed: Command[];
  readonly retiredServers: string[];
  readonly retiredBackends: string[];
}

function renderBackends(
  before: PersistentMap<BackendPlan>,
  after: PersistentMap<BackendPlan>,
  leftovers: Leftovers,
): RenderedBackends {
  const rendered: RenderedBackends = { added: [], removed: [], retiredServers: [], retiredBackends: [] };
  PersistentMap.diff(before, after, (_, left, right) => {
    if (right !== undefined) {
      const name = backendName(right.id);
      if (left === undefined && !leftovers.backends.has(name))
        rendered.added.push(`add backend ${name} from ${BACKEND_CLASS}`);
      renderServers(name, left?.servers ?? [], right, leftovers, rendered);
      if (left === undefined) rendered.added.push(`publish backend ${name}`);
      return;
    }
    if (left === undefined) return;
    const name = backendName(left.id);
    rendered.removed.push(`unpublish backend ${name}`);
    retireServers(name, left.servers, rendered);
    rendered.retiredBackends.push(name);
  });
  return rendered;
}

function renderServers(
  backend: string,
  before: readonly ServerPlan[],
  after: BackendPlan,
  leftovers: Leftovers,
  rendered: RenderedBackends,
): void {
  const known = new Map(before.map((server) => [serverName(server), server]));
  for (const server of after.servers) {
    const name = serverName(server);
    const target = `${backend}/${name}`;
    const old = known.get(name);
    known.delete(name);
    if (old === undefined && !leftovers.servers.has(target)) {
      const protocol = after.protocol === 'h2c' ? ' proto h2' : '';
      rendered.added.push(`add server ${target} ${serverAddress(server)} weight ${weightOf(server)}${protocol}`);
      rendered.added.push(`enable server ${target}`);
    } else if (old === undefined) {
      rendered.added.push(`set server ${target} weight ${weightOf(server)}`, `enable server ${target}`);
    } else if (old.state !== server.state) {
      rendered.added.push(`set server ${target} weight ${weightOf(server)}`);
    }
  }
  // Within one backend the new servers come first, so that it is never empty in between.
  retireServers(backend, [...known.values()], rendered);
}

function retireServers(backend: string, servers: readonly ServerPlan[], rendered: RenderedBackends): void {
  for (const server of servers) {
    const target = `${backend}/${serverName(server)}`;
    rendered.removed.push(`disable server ${target}`);
    rendered.retiredServers.push(target);
  }
}

/** Weight 0 drains: no new requests, while running ones finish (configuration manual, `weight`). */
export function weightOf(server: ServerPlan): string {
  return server.state === 'draining' ? '0' : '1';
}

/** A line of the map of regular expressions, less its key. */
interface RegexEntry {
  readonly value: string;
  /** Of the path as it was written. */
  readonly pathLength: number;
  readonly isPrefix: boolean;
}

/**
 * The entries of the route map for one host, and its regular expressions. Among these are its prefixes, since a longer prefix
 * goes before a shorter expression, whoever wrote either: `/(.*)` must not take `/team` away from another Ingress.
 */
export function hostEntries(plan: HostPlan): {
  readonly routes: ReadonlyMap<string, string>;
  readonly regexes: ReadonlyMap<string, RegexEntry>;
} {
  const routes = new Map<string, string>();
  const regexes = new Map<string, RegexEntry>();
  const hasRegex = plan.routes.some(isRegex);
  for (const route of plan.routes) {
    const { match } = route;
    const regex = hasRegex ? regexOf(match) : undefined;
    if (regex !== undefined) {
      const isPrefix = match.type === 'PathPrefix';
      const entry = { value: routeValue(route, false), pathLength: match.value.length, isPrefix };
      regexes.set(regexKey(keyHost(plan.host), regex), entry);
    }
    if (match.type !== 'RegularExpression')
      routes.set(routeKey(keyHost(plan.host), match), routeValue(route, hasRegex && match.type !== 'Exact'));
  }
  return { routes, regexes };
}

/** Undefined where the plain entry says it all: Exact goes before every expression, and the prefix of every path before none. */
function regexOf(match: PathMatch): PathRegex | undefined {
  if (match.type === 'RegularExpression') return match.value;
  if (match.type === 'Exact' || match.value === '/') return undefined;
  const found = pathRegexOf(`${match.value.replaceAll(/[^A-Za-z0-9/_-]/g, String.raw`\$&`)}(?:/|$)`);
  return 'regex' in found ? found.regex : undefined;
}

function isRegex({ match }: RoutePlan): boolean {
  return match.type === 'RegularExpression';
}

/** Lines of the map of regular expressions: longest path first, as ingress-nginx orders them, and of equally long ones prefixes. */
export function regexLines(hosts: PersistentMap<HostPlan>): readonly string[] {
  const entries = [...hosts.values()]
    .filter((host) => host.routes.some(isRegex))
    .flatMap((host) => [...hostEntries(host).regexes]);
  return entries.sort(inOrderOfTrial).map(([key, { value }]) => `${key} ${value}`);
}

function inOrderOfTrial([a, left]: readonly [string, RegexEntry], [b, right]: readonly [string, RegexEntry]): number {
  const byLength = right.pathLength - left.pathLength || Number(right.isPrefix) - Number(left.isPrefix);
  return byLength || (a < b ? -1 : 1);
}

function renderRoutes(
  before: PersistentMap<HostPlan>,
  after: PersistentMap<HostPlan>,
): { readonly commands: readonly Command[] } {
  const added: string[] = [];
  const commands: Command[] = [];
  const removed: Command[] = [];
  let regexesChanged = false;
  PersistentMap.diff(before, after, (_, left, right) => {
    const old = left === undefined ? EMPTY : hostEntries(left);
    const next = right === undefined ? EMPTY : hostEntries(right);
    for (const [key, value] of next.routes) {
      const known = old.routes.get(key);
      if (known === undefined) added.push(`${key} ${value}`);
      else if (known !== value) commands.push(`set map ${FILES.routes} ${keyArgument(key)} ${value}`);
    }
    for (const key of old.routes.keys())
      if (!next.routes.has(key)) removed.push(`del map ${FILES.routes} ${keyArgument(key)}`);
    regexesChanged ||= old.regexes.size > 0 || next.regexes.size > 0;
  });
  const bulk = batches(added).map((lines) => payload(`add map ${FILES.routes}`, lines));
  const regexes = regexesChanged ? [REPLACE_REGEXES, ...regexLines(after)].join('\n') : undefined;
  return { commands: [...(regexes === undefined ? [] : [regexes]), ...bulk, ...commands, ...removed] };
}

const EMPTY: ReturnType<typeof hostEntries> = { routes: new Map(), regexes: new Map() };

/**
 * Not a command of HAProxy: the plane turns it into `prepare map`, `add map @version`, `commit map`,
 * since the version is only known from the first answer. The order of expressions matters, so that
 * the map is always replaced as a whole.
 */
export const REPLACE_REGEXES = '#replace-regexes';

/** What {@link REPLACE_REGEXES} stands for, once `prepare map` has named the version that is to be filled. */
export function replaceRegexes(command: Command, version: string): readonly Command[] {
  const [, ...lines] = command.split('\n');
  const target = `@${version} ${FILES.regexes}`;
  return [...lines.map((line) => payload(`add map ${target}`, [line])), `commit map ${target}`];
}

/** Lines in as few payloads as take them. */
function batches(lines: readonly string[]): readonly (readonly string[])[] {
  const result: string[][] = [];
  let room = 0;
  for (const line of lines) {
    room -= line.length + 1;
    if (room >= 0) result.at(-1)?.push(line);
    else {
      result.push([line]);
      room = MAX_PAYLOAD_BYTES - line.length - 1;
    }
  }
  return result;
}
