import type { Selection } from '../../kube/resource.ts';
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

/** What is followed from the start on, each once, however many parts are interested in it. */
export function followedFor(interests: readonly Interest[]): readonly Followed[] {
  const followed = new Map<string, Followed>();
  for (const { kind, objects } of interests) {
    if (objects === 'wanted') continue;
    const resource = resourceOf(kind);
    const { presence } = rowOf(kind);
    const selection = objects === 'all' ? { resource } : { resource, fieldSelector: `metadata.name=${objects.named}` };
    followed.set(`${kind} ${selection.fieldSelector ?? ''}`, { selection, presence });
  }
  return [...followed.values()];
}

/** Kinds of which objects may be read one by one, where a plan refers to them. */
export function wantedKinds(interests: readonly Interest[]): ReadonlySet<Kind> {
  return new Set(interests.flatMap(({ kind, objects }) => (objects === 'wanted' ? [kind] : [])));
}
