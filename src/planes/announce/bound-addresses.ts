import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Fault } from '../../lib/fault.ts';
import { isRecord } from '../../lib/is-record.ts';
import { ipAddressOf, isIpv6Address, type IpAddress } from '../../model/grammar.ts';

const run = promisify(execFile);

/** An address that is bound to an interface. */
export interface BoundAddress {
  readonly address: IpAddress;
  readonly interface: string;
}

/** All addresses that are bound, of either family. `enter` begins the command line. @throws what a failing `ip` throws */
export async function boundAddresses(enter: readonly string[]): Promise<readonly BoundAddress[]> {
  const [program, ...args] = [...enter, 'ip', '-json', 'address', 'show'];
  const { stdout } = await run(program, args, { maxBuffer: 1 << 26 });
  const links: unknown = JSON.parse(stdout);
  return Array.isArray(links) ? links.flatMap(addressesOfLink) : [];
}

/**
 * Takes away those of the addresses that are bound. @throws Fault `announce` naming those that are still there, and what a failing `ip`
 * throws: whoever forgets them leaves them for ever
 */
export async function unbindAll(addresses: readonly BoundAddress[], enter: readonly string[]): Promise<void> {
  const boundOf = async (): Promise<readonly BoundAddress[]> => {
    const bound = new Set((await boundAddresses(enter)).map(keyOf));
    return addresses.filter((entry) => bound.has(keyOf(entry)));
  };
  // The reason why one cannot go is less than that it is still there.
  for (const entry of await boundOf()) await unbind(entry, enter).catch(() => undefined);
  const left = await boundOf();
  if (left.length === 0) return;
  const names = left.map(({ address }) => address).join(', ');
  throw new Fault('announce', `cannot take ${names} away from the interface`);
}

function keyOf({ address, interface: device }: BoundAddress): string {
  return `${address} ${device}`;
}

async function unbind({ address, interface: device }: BoundAddress, enter: readonly string[]): Promise<void> {
  const prefix = isIpv6Address(address) ? 128 : 32;
  const [program, ...args] = [...enter, 'ip', 'address', 'del', `${address}/${String(prefix)}`, 'dev', device];
  await run(program, args);
}

function addressesOfLink(link: unknown): readonly BoundAddress[] {
  if (!isRecord(link)) return [];
  const { ifname, addr_info: infos } = link;
  if (typeof ifname !== 'string' || !Array.isArray(infos)) return [];
  return infos.flatMap((info: unknown) => {
    const local = isRecord(info) ? info['local'] : undefined;
    const address = typeof local === 'string' ? ipAddressOf(local) : undefined;
    return address === undefined ? [] : [{ address, interface: ifname }];
  });
}
