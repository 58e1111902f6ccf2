import { createHash } from 'node:crypto';
import { NO_CONDITIONS } from '../../model/http/match.ts';
import type { Alternative, Destination, RoutePlan, SharePlan, SingleAction } from '../../compile/plan.ts';
import { dataValue, encodedConditions } from './encode-data.ts';
import { backendName, FLAG, REDIRECT_BACKEND, REFUSAL_BACKEND, routeValue } from './encode.ts';
import type { DataMap } from './files.ts';
import type { Datum } from './filter/filter-data.ts';
import { filterData, filterFlags } from './filters.ts';
import { shareKeys } from './shares.ts';
import { stagesOf } from './stages.ts';

/** What a route is in the maps: the value of its key, and the data that this leads to. */
export interface RenderedRoute {
  readonly value: string;
  readonly data: readonly DataEntry[];
}

/** An entry of a map of data. It is never changed: another value has another key. */
export interface DataEntry {
  readonly map: DataMap;
  readonly key: string;
  readonly value: string;
}

/** Digits of the id of a route: enough for nobody to find two routes of one host that share theirs. */
const RID_LENGTH = 20;

/**
 * Renders a route of a host. What has alternatives or shares leads to them by its data, and has a refusal of its own, which is the answer
 * when these are not there: with the reason `backend-invalid`, because that is a bug.
 */
export function renderRoute(host: string, route: RoutePlan, hostHasRegex: boolean): RenderedRoute {
  const flags = hostHasRegex ? FLAG.hostHasRegex : '';
  if (route.alternatives.length === 0) return renderDestination(host, route, flags);
  const data: DataEntry[] = [];
  const conditions = [...route.alternatives, route].map((candidate, index): Datum => {
    const rendered = renderDestination(host, candidate, '');
    data.push(...rendered.data);
    const value = `${encodedConditions(conditionsOf(candidate))}>${rendered.value}`;
    return { map: 'conditions', suffix: `#${String(index)}`, value };
  });
  return leadingTo(host, route.owner, `${flags}${FLAG.hasConditions}`, conditions, data);
}

function conditionsOf(candidate: Alternative | RoutePlan): Alternative['conditions'] {
  return 'conditions' in candidate ? candidate.conditions : NO_CONDITIONS;
}

function renderDestination(host: string, destination: Destination, flags: string): RenderedRoute {
  const { action, filters, match, owner } = destination;
  const all = `${filterFlags(filters)}${flags}`;
  if (action.kind === 'split') return renderShares(host, destination, action.shares, all);
  const data = entriesOf(host, action.kind === 'refuse' ? [] : filterData(filters, match));
  const fields = action.kind === 'redirect' ? { backend: REDIRECT_BACKEND, reason: '' } : fieldsOf(action);
  return { value: routeValue({ ...fields, flags: all, owner, rid: data.rid }), data: data.entries };
}

function fieldsOf(action: SingleAction): { readonly backend: string; readonly reason: string } {
  return action.kind === 'forward'
    ? { backend: backendName(action.backend), reason: '' }
    : { backend: REFUSAL_BACKEND[action.status], reason: action.reason };
}

function renderShares(
  host: string,
  { match, owner }: Destination,
  shares: readonly SharePlan[],
  flags: string,
): RenderedRoute {
  const data: DataEntry[] = [];
  const values = shares.map(({ action, filters }) => {
    const own = entriesOf(host, action.kind === 'refuse' ? [] : filterData(filters, match));
    data.push(...own.entries);
    return routeValue({ ...fieldsOf(action), flags: '', owner, rid: own.rid });
  });
  const drawn = shareKeys(shares.map(({ weight }) => weight)).map(({ digits, share }): Datum => ({
    map: 'shares',
    suffix: `#${digits}`,
    value: values[share] ?? '',
  }));
  return leadingTo(host, owner, `${flags}${FLAG.hasShares}`, drawn, data);
}

function leadingTo(
  host: string,
  owner: string,
  flags: string,
  own: readonly Datum[],
  data: readonly DataEntry[],
): RenderedRoute {
  const { rid, entries } = entriesOf(host, own);
  const value = routeValue({ backend: REFUSAL_BACKEND[503], flags, owner, reason: 'backend-invalid', rid });
  return { value, data: [...data, ...entries] };
}

/** The entries of some data, under an id that is a digest of them and of the host. */
function entriesOf(
  host: string,
  data: readonly Datum[],
): { readonly rid: string | undefined; readonly entries: readonly DataEntry[] } {
  if (data.length === 0) return { rid: undefined, entries: [] };
  const text = JSON.stringify([host, ...data.map(({ map, suffix, value }) => [map, suffix, value])]);
  const rid = createHash('sha256').update(text).digest('hex').slice(0, RID_LENGTH);
  const stages: Datum = { map: 'stages', suffix: '', value: stagesOf(data.map(({ map }) => map)) };
  const entries = [...data, stages].map(({ map, suffix, value }) => ({
    map,
    key: `${rid}${suffix}`,
    value: dataValue(value),
  }));
  return { rid, entries };
}
