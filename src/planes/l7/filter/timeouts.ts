import { LONGEST_TIMEOUT_MS, type Timeouts } from '../../../model/http/filter/timeouts.ts';
import { DATA_MAPS } from '../files.ts';
import { hasData } from '../stages.ts';
import type { FilterData } from './filter-data.ts';

/** `connect|server|tunnel`. */
export const timeouts: FilterData<Timeouts> = {
  flag: '',
  data: ({ connectMs, serverMs, tunnelMs }) => [
    { map: 'timeouts', suffix: '', value: [connectMs, serverMs, tunnelMs].map(milliseconds).join('|') },
  ],
};

function milliseconds(value: number | undefined): string {
  return value === undefined ? '' : String(Math.min(LONGEST_TIMEOUT_MS, Math.max(1, Math.round(value))));
}

export const timeoutRules: readonly string[] = [
  `http-request set-var(txn.timeouts) var(txn.rid),map_str(${DATA_MAPS.timeouts}) if ${hasData('timeouts')}`,
  ...['connect', 'server', 'tunnel'].map((name, index) => {
    const field = `var(txn.timeouts),field(${String(index + 1)},|)`;
    return `http-request set-timeout ${name} ${field} if { var(txn.timeouts) -m found } { ${field} -m len gt 0 }`;
  }),
];
