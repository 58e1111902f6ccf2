import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
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

/** Takes an address away; one that is not there is no mistake. */
export async function unbind({ address, interface: device }: BoundAddress, enter: readonly string[]): Promise<void> {
  const prefix = isIpv6Address(address) ? 128 : 32;
  const [program, ...args] = [...enter, 'ip', 'address', 'del', `${address}/${String(prefix)}`, 'dev', device];
  await run(program, args).catch(() => undefined);
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
