import { Fault } from '../../../lib/fault.ts';
import { FAMILIES, WORDS, type Family } from '../rules/names.ts';
import type { Nft } from './nft.ts';
import { NftRefusedFault } from './nft-refusal.ts';

/** Something that the ruleset needs from the kernel. */
interface Feature {
  readonly name: string;
  /** The kernel's options that bring it. */
  readonly options: readonly string[];
  readonly chain?: string;
  /** Both unless told. */
  readonly families?: readonly Family[];
  /** Commands of nft, after those that make a table and the chain, with the family and the probe's table in place of `TABLE`. */
  readonly commands: readonly string[];
}

const NAT = 'type nat hook prerouting priority -100;';
const OUTPUT = 'type nat hook output priority -100;';
const POSTROUTING = 'type nat hook postrouting priority 100;';
const VIP = 'IP daddr . meta l4proto . th dport';

/** From what the others need to what stands alone: where the first is missing, the rest is not even tried. */
const FEATURES: readonly (readonly Feature[])[] = [
  [{ name: 'nf_tables', options: ['NF_TABLES', 'NF_TABLES_IPV4', 'NF_TABLES_IPV6'], commands: [] }],
  [
    { name: 'nat chains', options: ['NF_NAT', 'NFT_NAT'], chain: NAT, commands: [] },
    {
      name: 'maps of several fields, chosen from at random',
      options: ['NFT_NUMGEN', 'NFT_NAT'],
      chain: NAT,
      commands: [
        `add map TABLE endpoints { typeof IP daddr . th dport . numgen random mod 65536 : IP daddr . tcp dport; }`,
        `add rule TABLE probe meta l4proto tcp dnat IP to IP daddr . th dport . numgen random mod 3 offset 32768 map @endpoints`,
      ],
    },
    {
      name: 'reject in nat prerouting (Linux 5.9)',
      options: ['NFT_REJECT', 'NFT_REJECT_IPV4', 'NFT_REJECT_IPV6', 'NF_REJECT_IPV4', 'NF_REJECT_IPV6'],
      chain: NAT,
      commands: ['add rule TABLE probe meta l4proto tcp reject with tcp reset', 'add rule TABLE probe reject'],
    },
    { name: 'reject in nat output', options: ['NFT_REJECT'], chain: OUTPUT, commands: ['add rule TABLE probe reject'] },
    {
      name: 'fib',
      options: ['NFT_FIB', 'NFT_FIB_IPV4', 'NFT_FIB_IPV6'],
      chain: NAT,
      commands: [
        'add rule TABLE probe fib saddr type local return',
        'add rule TABLE probe fib daddr . iif oif exists return',
      ],
    },
    {
      name: 'masquerade',
      options: ['NFT_MASQ', 'NF_NAT_MASQUERADE'],
      chain: POSTROUTING,
      commands: ['add rule TABLE probe masquerade fully-random'],
    },
    {
      name: 'the original destination of a connection',
      options: ['NFT_CT', 'NF_CONNTRACK'],
      chain: POSTROUTING,
      commands: [
        `add set TABLE masqueraded { typeof ${VIP}; }`,
        'add rule TABLE probe ct status dnat meta l4proto tcp ct original IP daddr . meta l4proto . ct original proto-dst @masqueraded return',
      ],
    },
    {
      name: 'maps that packets write to',
      // nft 1.0.6 aborts where it should make such a rule with keys of IPv6, which is no reason to do without the rest.
      families: [4],
      options: ['NF_TABLES', 'NFT_DYNSET'],
      chain: POSTROUTING,
      commands: [
        `add map TABLE affinity { typeof IP saddr . ${VIP} : IP daddr . tcp dport; flags dynamic,timeout; size 65536; }`,
        `add rule TABLE probe meta l4proto tcp update @affinity { IP saddr . ct original IP daddr . meta l4proto . ct original proto-dst timeout 60s : IP daddr . th dport }`,
      ],
    },
    {
      name: 'maps to verdicts',
      options: ['NF_TABLES'],
      chain: NAT,
      commands: [`add map TABLE services { typeof ${VIP} : verdict; }`, `add rule TABLE probe ${VIP} vmap @services`],
    },
    {
      name: 'ranges of several fields (Linux 5.6)',
      options: ['NF_TABLES'],
      commands: [`add set TABLE allowed { typeof ${VIP} . IP saddr; flags interval; }`],
    },
  ],
];

const PROBE_TABLE = 'sluice-probe';

/**
 * Makes sure that the kernel has what the rules need, by having it judge a rule of each kind; nothing is left behind.
 *
 * @throws Fault `kernel-permission` where this process may not, `kernel-features` with everything that is missing and the options of
 * the kernel that bring it, or `nft-too-old` where that may be the reason. None is retryable. Also what {@link Nft.check} throws for other reasons.
 */
export async function probeKernel(nft: Nft, signal?: AbortSignal): Promise<void> {
  for (const features of FEATURES) {
    const missing: string[] = [];
    for (const feature of features) {
      const why = await whyMissing(nft, feature, signal);
      if (why !== undefined) missing.push(why);
    }
    if (missing.length > 0) {
      await refuseOld(nft);
      const message = `the kernel, or nft, lacks what Service traffic needs: ${missing.join('; ')}`;
      throw new Fault('kernel-features', message, { retryable: false });
    }
  }
}

/** The oldest nft that the rules are tested with. An older one that does all that is probed may well do. */
const OLDEST_NFT = [1, 0, 6] as const;

/** What an old nft does not know it refuses in the same way as what the kernel lacks: no kernel option would help then. */
async function refuseOld(nft: Nft): Promise<void> {
  const version = await nft.version();
  if (version === undefined) return;
  const differing = OLDEST_NFT.findIndex((number, place) => number !== version[place]);
  if (differing === -1 || (version[differing] ?? 0) > (OLDEST_NFT[differing] ?? 0)) return;
  const message = `nft ${version.join('.')} is too old for what Service traffic needs: install ${OLDEST_NFT.join('.')} or newer (package nftables)`;
  throw new Fault('nft-too-old', message, { retryable: false });
}

async function whyMissing(nft: Nft, feature: Feature, signal: AbortSignal | undefined): Promise<string | undefined> {
  for (const { family } of (feature.families ?? FAMILIES).map((number) => WORDS[number])) {
    try {
      await nft.check(probe(feature, family), signal);
    } catch (thrown) {
      if (!(thrown instanceof NftRefusedFault)) throw thrown;
      if (thrown.refusal === 'not-permitted') {
        const message = 'this process may not change the rules of the kernel: it needs CAP_NET_ADMIN (root has it)';
        throw new Fault('kernel-permission', message, { cause: thrown, retryable: false });
      }
      const options = feature.options.map((option) => `CONFIG_${option}`).join(', ');
      return `${feature.name} for ${family} (${options}): ${thrown.message}`;
    }
  }
  return undefined;
}

function probe({ chain, commands }: Feature, family: string): string {
  const table = `${family} ${PROBE_TABLE}`;
  const lines = [`add table ${table}`];
  if (chain !== undefined) lines.push(`add chain ${table} probe { ${chain} }`);
  lines.push(...commands.map((command) => command.replaceAll('TABLE', table).replaceAll('IP', family)));
  return lines.join('\n');
}
