import type { Retries } from '../../../model/http/filter/retries.ts';
import type { FilterData } from './filter-data.ts';

/** Nothing of it is data: HAProxy 3.4 refuses `set-retries` where backends inherit their rules from, so that it is part of the class. */
export const retries: FilterData<Retries> = { flag: '', data: () => [] };
