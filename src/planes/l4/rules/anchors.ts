import { AFFINITY_TABLE, FAMILIES, SETS, TABLE, type Family, type MainTable } from './names.ts';

/** A chain, set or map of ours that rules of ours use, so that the kernel would not let anybody delete it alone. */
export interface Anchor {
  readonly kind: 'chain' | 'set' | 'map';
  readonly family: Family;
  readonly table: string;
  readonly name: string;
}

/** Parts of every ruleset by which can be seen whether our tables are whole; `main` is the table that packets enter. */
export function anchorsIn(main: MainTable = TABLE): readonly Anchor[] {
  return FAMILIES.flatMap((family): readonly Anchor[] => [
    { kind: 'chain', family, table: main, name: 'services' },
    { kind: 'map', family, table: main, name: SETS.services },
    { kind: 'chain', family, table: AFFINITY_TABLE, name: 'remember-nodeports' },
  ]);
}
