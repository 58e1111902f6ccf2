import { nearestOf } from '../../lib/nearest.ts';
import { ALL_KINDS, apiVersionOfKind, groupVersionOf, isKind, rowOf, type Kind } from '../../model/kinds.ts';
import { isRecord, shown } from './field.ts';

/** Why an object is passed over that was most likely meant to be read, and what to write instead. */
export interface KindTypo {
  readonly message: string;
  readonly remedy: string;
}

/** API groups in which people look for the kinds that Sluice reads; the core group is empty. */
const GROUPS: readonly string[] = [
  ...new Set(ALL_KINDS.flatMap((kind) => rowOf(kind).apiVersions.map((item) => groupVersionOf(item).group))),
];

/** How many letters of a group may be wrong: other people's groups are named much like those of Kubernetes. */
const WRONG_LETTERS = 2;

/**
 * What is wrong with apiVersion and kind of a document that is no object which Sluice reads. Undefined where it is one, or one of a
 * kind that is none of our business, such as Knative's Service.
 */
export function kindTypo(raw: unknown): KindTypo | undefined {
  if (!isRecord(raw)) return keyTypo({});
  const { apiVersion, kind } = raw;
  if (typeof apiVersion !== 'string' || typeof kind !== 'string') return keyTypo(raw);
  const meant = kindMeant(kind);
  if (meant === undefined) return undefined;
  const { apiVersions } = rowOf(meant);
  if (meant === kind && apiVersions.includes(apiVersion)) return undefined;
  if (!isOurGroup(groupVersionOf(apiVersion).group, kind)) return undefined;
  const version = apiVersions.includes(apiVersion) ? apiVersion : apiVersionOfKind(meant);
  const wrong =
    meant === kind
      ? `${shown(apiVersion)} is not an apiVersion that has this kind`
      : `${shown(kind)} is not a kind; ${meant} is near`;
  const remedy = [
    ...(version === apiVersion ? [] : [`apiVersion: ${version}`]),
    ...(meant === kind ? [] : [`kind: ${meant}`]),
  ].join(' and ');
  return { message: `${wrong}, so that the object is passed over`, remedy: `Write ${remedy}.` };
}

function kindMeant(kind: string): Kind | undefined {
  const plural = ALL_KINDS.find((item) => rowOf(item).plural === kind.toLowerCase());
  const near = plural ?? nearestOf(kind, ALL_KINDS);
  return isKind(near) ? near : undefined;
}

/** A group with a typing mistake counts only with a kind that has none. */
function isOurGroup(group: string, kind: string): boolean {
  if (GROUPS.includes(group.toLowerCase())) return true;
  return isKind(kind) && nearestOf(group, GROUPS, WRONG_LETTERS) !== undefined;
}

/** Without apiVersion and kind nothing is an object; perhaps they are there under names that are nearly right. */
function keyTypo(raw: Readonly<Record<string, unknown>>): KindTypo {
  const absent = ['apiVersion', 'kind'].filter((name) => typeof raw[name] !== 'string');
  const near = absent.flatMap((name) => {
    const key = Object.keys(raw).find((item) => item !== name && nearestOf(item, [name]) !== undefined);
    return key === undefined ? [] : [`${shown(key)} is near ${name}`];
  });
  const hint = near.length === 0 ? '' : ` (${near.join(', ')})`;
  return {
    message: `the document has no ${absent.join(' and ')}${hint}, so that it is passed over`,
    remedy: `Write ${absent.join(' and ')} as in any Kubernetes object, in this spelling.`,
  };
}
