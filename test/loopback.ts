import { networkInterfaces } from 'node:os';

const hasIpv6 = Object.values(networkInterfaces()).some((addresses) =>
  addresses?.some(({ address }) => address === '::1'),
);

/** The loopback addresses of this machine, as they stand in a URL. */
export const LOOPBACK: readonly string[] = ['127.0.0.1', ...(hasIpv6 ? ['[::1]'] : [])];
