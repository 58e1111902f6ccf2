import { readdir } from 'node:fs/promises';
import { hasInterface } from './kernel/interfaces.ts';

/** Where programs for tc pin their maps, unless told otherwise. */
const PINNED_MAPS = '/sys/fs/bpf/tc/globals';

interface OtherProxy {
  readonly name: string;
  /** Only it makes an interface of this name. */
  readonly interface: string;
  /** How the names of its maps of Services begin, where it may do without that interface. */
  readonly map?: string;
}

/** What serves Services of Kubernetes on a node besides kube-proxy, or may do so: Cilium and Antrea also run beside a kube-proxy. */
const OTHER_PROXIES: readonly OtherProxy[] = [
  { name: 'Cilium', interface: 'cilium_host' },
  // Its interfaces are there only where host programs reach Services by way of them.
  { name: 'Calico in eBPF mode', interface: 'bpfin.cali', map: 'cali_v4_nat_' },
  // The interface of its service proxy; without that, it has no say about Services.
  { name: 'kube-router', interface: 'kube-dummy-if' },
  { name: 'Antrea', interface: 'antrea-gw0' },
  { name: 'OVN-Kubernetes', interface: 'ovn-k8s-mp0' },
];

/**
 * Which other programs serve the Services of this machine, or may do so, and how they are recognized: `Cilium (interface cilium_host)`.
 * What leaves no trace in the network namespace of this process is not found.
 */
export async function findOtherProxies(): Promise<readonly string[]> {
  const maps = await readdir(PINNED_MAPS).catch(() => []);
  const found: string[] = [];
  for (const proxy of OTHER_PROXIES) {
    const map = maps.find((name) => proxy.map !== undefined && name.startsWith(proxy.map));
    if (await hasInterface(proxy.interface)) found.push(`${proxy.name} (interface ${proxy.interface})`);
    else if (map !== undefined) found.push(`${proxy.name} (BPF map ${map})`);
  }
  return found;
}
