import { readFile, writeFile } from 'node:fs/promises';
import type { Logger } from '../../../lib/logger.ts';
import { messageOf } from '../../../lib/fault.ts';

/** What conntrack is to be like; 0 leaves a setting as it is. As kube-proxy's KubeProxyConntrackConfiguration has it. */
export interface ConntrackSettings {
  readonly maxPerCore: number;
  readonly min: number;
  /** Timeouts in seconds. */
  readonly tcpEstablishedS: number;
  readonly tcpCloseWaitS: number;
  readonly udpS: number;
  readonly udpStreamS: number;
}

/** A setting of the kernel that Service traffic depends on (sysctl(8)). */
export interface KernelSetting {
  readonly name: string;
  readonly wanted: number;
  /** Whether more will do: what an administrator has raised is not lowered. */
  readonly isMinimum: boolean;
  /** Whether it is set, or only reported: some are the administrator's to decide. */
  readonly isOurs: boolean;
  readonly otherwise: string;
}

const FIXED: readonly KernelSetting[] = [
  {
    name: 'net.netfilter.nf_conntrack_tcp_be_liberal',
    wanted: 1,
    isMinimum: false,
    isOurs: true,
    // A packet that conntrack takes for invalid is not translated back, and its receiver resets the connection (kubernetes#74839).
    otherwise: 'connections through Services may be reset when a packet comes late or out of its window',
  },
  {
    name: 'net.ipv4.ip_forward',
    wanted: 1,
    isMinimum: false,
    isOurs: false,
    otherwise: 'packets of pods and clients to IPv4 endpoints elsewhere end on this machine',
  },
  {
    name: 'net.ipv6.conf.all.forwarding',
    wanted: 1,
    isMinimum: false,
    isOurs: false,
    otherwise: 'packets of pods and clients to IPv6 endpoints elsewhere end on this machine',
  },
];

/** How many flows each bucket of the hash table holds when it is full, as kube-proxy has it. */
const FLOWS_PER_BUCKET = 4;

/** What the kernel of a machine with so many processors should have. Pure. */
export function kernelSettings(conntrack: ConntrackSettings, processors: number): readonly KernelSetting[] {
  const { maxPerCore, min, tcpEstablishedS, tcpCloseWaitS, udpS, udpStreamS } = conntrack;
  const most = maxPerCore === 0 ? 0 : Math.max(maxPerCore * processors, min);
  const full = 'a node with many connections drops new ones ("nf_conntrack: table full")';
  const ours = [
    { name: 'max', wanted: most, isMinimum: true, otherwise: full },
    {
      name: 'buckets',
      wanted: Math.floor(most / FLOWS_PER_BUCKET),
      isMinimum: true,
      otherwise: 'connections are looked up more slowly the more there are',
    },
    {
      name: 'tcp_timeout_established',
      wanted: tcpEstablishedS,
      isMinimum: false,
      otherwise: 'connections whose ends have gone are remembered for another time, or idle ones forgotten',
    },
    {
      name: 'tcp_timeout_close_wait',
      wanted: tcpCloseWaitS,
      isMinimum: false,
      otherwise: 'a connection that its client has closed is reset when its endpoint takes longer to end it',
    },
    { name: 'udp_timeout', wanted: udpS, isMinimum: false, otherwise: 'UDP flows are remembered for another time' },
    {
      name: 'udp_timeout_stream',
      wanted: udpStreamS,
      isMinimum: false,
      otherwise: 'UDP flows that go both ways are remembered for another time',
    },
  ];
  const wanted = ours.filter((setting) => setting.wanted > 0);
  return [
    ...FIXED,
    ...wanted.map((setting) => ({ ...setting, name: `net.netfilter.nf_conntrack_${setting.name}`, isOurs: true })),
  ];
}

/** Sets what is ours to set, where the operator lets us, and reports what is not as it should be. */
export async function applyKernelSettings(
  settings: readonly KernelSetting[],
  mayChange: boolean,
  logger: Logger,
): Promise<void> {
  for (const setting of settings) {
    const path = `/proc/sys/${setting.name.replaceAll('.', '/')}`;
    const text = await readFile(path, 'utf8').catch(() => undefined);
    const value = Number(text);
    if (text === undefined || value === setting.wanted || (setting.isMinimum && value > setting.wanted)) continue;
    const isSet = setting.isOurs && mayChange && (await isWritten(path, setting, logger));
    if (isSet) logger.info('kernel setting changed', { setting: setting.name, from: value, to: setting.wanted });
    else if (mayChange || !setting.isOurs)
      logger.warn('a kernel setting is not as Services need it', {
        setting: setting.name,
        value,
        otherwise: setting.otherwise,
        remedy: `sysctl -w ${setting.name}=${String(setting.wanted)}`,
      });
  }
}

async function isWritten(path: string, { name, wanted }: KernelSetting, logger: Logger): Promise<boolean> {
  try {
    await writeFile(path, String(wanted));
    return Number(await readFile(path, 'utf8')) >= wanted;
  } catch (thrown) {
    // In a container without privileges /proc/sys is read-only; the administrator is told instead.
    logger.debug('cannot change a kernel setting', { setting: name, error: messageOf(thrown) });
    return false;
  }
}
