import type { HttpsRedirect } from '../../../model/http/filter/https-redirect.ts';
import type { FilterData } from './filter-data.ts';

/** Its rule is in the frontend (`routing-rules.ts`). */
export const httpsRedirect: FilterData<HttpsRedirect> = { flag: 'S', data: () => [] };
