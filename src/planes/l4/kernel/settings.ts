import { readFile, writeFile } from 'node:fs/promises';
import type { Logger } from '../../../lib/logger.ts';
import { messageOf } from '../../../lib/fault.ts';

/** A setting of the kernel that Service traffic depends on (sysctl(8)). */
interface KernelSetting {
  readonly name: string;
  readonly wanted: string;
  /** Whether it is set, or only told: some are the administrator's to decide. */
  readonly isOurs: boolean;
  readonly otherwise: string;
}

const SETTINGS: readonly KernelSetting[] = [
  {
    name: 'net.netfilter.nf_conntrack_tcp_be_liberal',
    wanted: '1',
    isOurs: true,
    // A packet that conntrack takes for invalid is not translated back, and its receiver resets the connection (kubernetes#74839).
    otherwise: 'connections through Services may be reset when a packet comes late or out of its window',
  },
  {
    name: 'net.ipv4.ip_forward',
    wanted: '1',
    isOurs: false,
    otherwise: 'packets of pods and clients to IPv4 endpoints elsewhere end on this machine',
  },
  {
    name: 'net.ipv6.conf.all.forwarding',
    wanted: '1',
    isOurs: false,
    otherwise: 'packets of pods and clients to IPv6 endpoints elsewhere end on this machine',
  },
];

/** Sets what is ours to set, where the operator lets us, and tells of what is not as it should be. */
export async function applyKernelSettings(mayChange: boolean, logger: Logger): Promise<void> {
  for (const setting of SETTINGS) {
    const path = `/proc/sys/${setting.name.replaceAll('.', '/')}`;
    const value = (await readFile(path, 'utf8').catch(() => setting.wanted)).trim();
    if (value === setting.wanted) continue;
    const isSet = setting.isOurs && mayChange && (await isWritten(path, setting, logger));
    if (isSet) logger.info('kernel setting changed', { setting: setting.name, from: value, to: setting.wanted });
    else
      logger.warn('a kernel setting is not as Services need it', {
        setting: setting.name,
        value,
        otherwise: setting.otherwise,
        remedy: `sysctl -w ${setting.name}=${setting.wanted}`,
      });
  }
}

async function isWritten(path: string, { name, wanted }: KernelSetting, logger: Logger): Promise<boolean> {
  try {
    await writeFile(path, wanted);
    return true;
  } catch (thrown) {
    // In a container without privileges /proc/sys is read-only; the administrator is told instead.
    logger.debug('cannot change a kernel setting', { setting: name, error: messageOf(thrown) });
    return false;
  }
}
