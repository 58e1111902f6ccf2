import { qualifiedName, type Selection } from '../../kube/resource.ts';
import { resourceOf, rowOf, type Kind, type KindResource, type Presence } from '../../model/kinds.ts';

/** Which objects of a kind some part of the program reads from an API server. */
export interface Interest {
  readonly kind: Kind;
  /**
   * - `all` of them.
   * - `wanted`: only those that a plan refers to, each by its name, as Secrets are read.
   * - `named`: one, by its name.
   */
  readonly objects: 'all' | 'wanted' | { readonly named: string };
}

/** Objects of one kind that is in the register. */
export type KindSelection = Selection & { readonly resource: KindResource };

/** What is followed from the start on, and what a refusal of it means. */
export interface Followed {
  readonly selection: KindSelection;
  readonly presence: Presence;
}

/**
 * What is followed from the start on, each once, however many parts are interested in it. With `namespaces`, objects in them alone:
 * then Roles are enough, which grant nothing of the cluster's own scope, so that the kinds there are done without if they are refused.
 */
export function followedFor(
  interests: readonly Interest[],
  namespaces: readonly string[] | undefined,
): readonly Followed[] {
  const followed = new Map<string, Followed>();
  for (const { kind, objects } of interests) {
    if (objects === 'wanted') continue;
    const resource = resourceOf(kind);
    const { presence, scope } = rowOf(kind);
    const isBeyondRoles = namespaces !== undefined && scope === 'cluster' && presence === 'required';
    const narrowed = objects === 'all' ? {} : { fieldSelector: `metadata.name=${objects.named}` };
    const scopes = scope === 'cluster' ? [undefined] : (namespaces ?? [undefined]);
    for (const namespace of scopes) {
      const selection = { resource, ...narrowed, ...(namespace === undefined ? {} : { namespace }) };
      const key = [kind, namespace, selection.fieldSelector].join(' ');
      followed.set(key, { selection, presence: isBeyondRoles ? 'optional' : presence });
    }
  }
  return [...followed.values()];
}

/** What is followed, for people: `services`, `services in namespace shop`. */
export function nameOfSelection({ resource, namespace }: KindSelection): string {
  return `${qualifiedName(resource)}${namespace === undefined ? '' : ` in namespace ${namespace}`}`;
}

/** Kinds of which objects may be read one by one, where a plan refers to them. */
export function wantedKinds(interests: readonly Interest[]): ReadonlySet<Kind> {
  return new Set(interests.flatMap(({ kind, objects }) => (objects === 'wanted' ? [kind] : [])));
}
