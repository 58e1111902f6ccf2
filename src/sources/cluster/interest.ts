import type { Selection } from '../../kube/resource.ts';
import { resourceOf, type Kind } from '../../model/kinds.ts';

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

/** What is followed from the start on, each once, however many parts are interested in it. */
export function selectionsOf(interests: readonly Interest[]): readonly Selection[] {
  const selections = new Map<string, Selection>();
  for (const { kind, objects } of interests) {
    if (objects === 'wanted') continue;
    const resource = resourceOf(kind);
    if (objects === 'all') selections.set(kind, { resource });
    else selections.set(`${kind} ${objects.named}`, { resource, fieldSelector: `metadata.name=${objects.named}` });
  }
  return [...selections.values()];
}

/** Whether objects of this kind may be read one by one, where a plan refers to them. */
export function readsWanted(interests: readonly Interest[], kind: Kind): boolean {
  return interests.some((interest) => interest.kind === kind && interest.objects === 'wanted');
}
