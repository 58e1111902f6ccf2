import { expect, it } from 'vitest';
import { kernelSettings, type ConntrackSettings } from './settings.ts';

const NOTHING: ConntrackSettings = {
  maxPerCore: 0,
  min: 131_072,
  tcpEstablishedS: 0,
  tcpCloseWaitS: 0,
  udpS: 0,
  udpStreamS: 0,
};

function asked(given: Partial<ConntrackSettings>, processors = 2): readonly string[] {
  return kernelSettings({ ...NOTHING, ...given }, processors)
    .filter(({ name }) => name.startsWith('net.netfilter.nf_conntrack_') && !name.endsWith('be_liberal'))
    .map(
      ({ name, wanted, isMinimum }) =>
        `${name.slice('net.netfilter.nf_conntrack_'.length)} ${isMinimum ? '>=' : '='} ${String(wanted)}`,
    );
}

it.each<readonly [string, Partial<ConntrackSettings>, number, readonly string[]]>([
  ['nothing', {}, 2, []],
  ['few processors', { maxPerCore: 32_768 }, 2, ['max >= 131072', 'buckets >= 32768']],
  ['many processors', { maxPerCore: 32_768 }, 64, ['max >= 2097152', 'buckets >= 524288']],
  [
    'timeouts',
    { tcpEstablishedS: 86_400, tcpCloseWaitS: 3_600, udpS: 30, udpStreamS: 120 },
    2,
    [
      'tcp_timeout_established = 86400',
      'tcp_timeout_close_wait = 3600',
      'udp_timeout = 30',
      'udp_timeout_stream = 120',
    ],
  ],
])('conntrack: %s', (_, given, processors, expected) => {
  expect(asked(given, processors)).toEqual(expected);
});
