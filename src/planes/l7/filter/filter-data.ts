import type { PathMatch } from '../../../model/http/match.ts';
import type { DataMap } from '../files.ts';

/** An entry of a map of data, under the id of its route and what is appended to that. */
export interface Datum {
  readonly map: DataMap;
  /** Empty, or begins with `#`. */
  readonly suffix: string;
  readonly value: string;
}

/** What the engine is given of a filter. */
export interface FilterData<Filter> {
  /** The letter that switches its rules in the frontend on; empty for one whose rules stand in a class of backends. */
  readonly flag: string;
  /** `match` is the path of the rule that it belongs to. */
  readonly data: (filter: Filter, match: PathMatch) => readonly Datum[];
}

/** The prefix that has matched, where it is one. */
export function prefixOf(match: PathMatch): string | undefined {
  return match.type === 'PathPrefix' ? match.value : undefined;
}
