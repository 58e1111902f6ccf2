import { STANDALONE_SETTINGS } from '../../src/app/check.ts';
import { l4SettingsOf } from '../../src/app/run-options.ts';
import { parseRunFlags } from '../../src/cli/flag-options.ts';
import { Compiler } from '../../src/compile/compiler.ts';
import type { L4Plan } from '../../src/compile/l4/l4-plan.ts';
import type { Plan } from '../../src/compile/plan.ts';
import type { CompileSettings } from '../../src/compile/settings.ts';
import { invariant } from '../../src/lib/invariant.ts';
import { printCommand } from '../../src/planes/l4/rules/command.ts';
import { renderAll } from '../../src/planes/l4/rules/transaction.ts';
import { Store } from '../../src/sources/store.ts';
import { FakeNft } from '../fakes/nft/fake-nft.ts';
import type { Machine } from '../fakes/nft/packet-walk.ts';
import { listingOf } from '../l4/listing.ts';
import { ip } from '../l4/snapshot-steps.ts';
import { changesOf, GOLDEN_NOW_MS, printFindings } from './compile-manifest.ts';
import { askAll } from './question.ts';

/** The node that is asked, unless a `# flags:` line names another one. */
const NODE = ['--node-name', 'node-a'];

/**
 * A manifest as the kernel of one node gets it, for a person: the elements by set, then what becomes of the packets that the
 * manifest asks about in its comments, then Findings. Comment lines at its beginning say more:
 *
 *     # flags: --cluster-cidr 10.244.0.0/16    flags of `sluice run`
 *     # allocates: no                          ClusterIPs and node ports come from an API server
 *     # addresses: 192.0.2.10                  of the interfaces, the primary one first
 *     # trace: pod 10.244.1.5 -> 10.96.0.10:80/tcp      (question.ts)
 */
export function printKernelPlan(text: string): string {
  const addresses = addressesOf(text);
  const plan = compileForNode(text, addresses);
  invariant(plan.l4 !== undefined, 'the settings ask for a kernel plan');
  const nft = new FakeNft();
  nft.apply(renderAll(plan.l4, 'forget').commands.map(printCommand));
  const machine: Machine = { addresses: new Set([...addresses, '127.0.0.1', '::1']) };
  const parts = [
    ...printAllocations(plan),
    ...printElements(nft),
    ...printHealthChecks(plan.l4),
    `## questions\n${askAll(text, nft, machine).join('\n')}`,
    `## findings\n${printFindings(plan)}`,
  ];
  return parts.join('\n');
}

/** A manifest, with the comment lines that say more, as the plan of one node. */
export function kernelPlanOf(text: string): L4Plan {
  const { l4 } = compileForNode(text, addressesOf(text));
  invariant(l4 !== undefined, 'the settings ask for a kernel plan');
  return l4;
}

function addressesOf(text: string): readonly string[] {
  return (commentOf(text, 'addresses') ?? '192.0.2.10, 2001:db8::10').split(/,\s*/);
}

/** The plan of a node with these addresses, for a manifest with such comments. */
export function compileForNode(text: string, addresses: readonly string[]): Plan {
  const store = new Store();
  store.commit(changesOf(text));
  const facts = { nowMs: GOLDEN_NOW_MS, node: { addresses: addresses.map(ip) } };
  return new Compiler(settingsOf(text)).compile(store.snapshot, facts);
}

function settingsOf(text: string): CompileSettings {
  const words = (commentOf(text, 'flags') ?? '').split(/\s+/).filter((word) => word !== '');
  const flags = parseRunFlags([...NODE, ...words]);
  const allocates = commentOf(text, 'allocates') !== 'no';
  return {
    ...STANDALONE_SETTINGS,
    l4: l4SettingsOf(flags),
    allocation: allocates ? flags.allocation : undefined,
    addresses: allocates ? { ...flags.addresses, reportsMissingPools: true } : undefined,
  };
}

function commentOf(text: string, name: string): string | undefined {
  return new RegExp(`^# ${name}: (.*)$`, 'm').exec(text)?.[1];
}

function printAllocations(plan: Plan): readonly string[] {
  const lines = plan.allocations.sorted().map(([key, { clusterIps, loadBalancerIps, nodePorts }]) => {
    const ports = Object.entries(nodePorts).map(([name, port]) => `${name}=${String(port)}`);
    return `${key}: ${[...clusterIps, ...loadBalancerIps, ...ports].join(' ')}\n`;
  });
  return lines.length === 0 ? [] : [`## allocated\n${lines.join('')}`];
}

function printElements(nft: FakeNft): readonly string[] {
  const { sets } = listingOf(nft);
  const byTable = Map.groupBy(Object.entries(sets), ([name]) => name.replace(/ [^ ]+$/, ''));
  return [...byTable].flatMap(([table, members]) => {
    const filled = members.filter(([, elements]) => elements.length > 0);
    if (filled.length === 0) return [];
    const lines = filled.map(
      ([name, elements]) => `${name.slice(table.length + 1)}\n${elements.map((line) => `  ${line}\n`).join('')}`,
    );
    return [`## ${table}\n${lines.join('')}`];
  });
}

function printHealthChecks({ services }: L4Plan): readonly string[] {
  const lines = services.sorted().flatMap(([key, { healthCheck }]) => {
    if (healthCheck === undefined) return [];
    return [`${key}: port ${String(healthCheck.port)}, ${String(healthCheck.readyEndpoints)} ready\n`];
  });
  return lines.length === 0 ? [] : [`## health checks\n${lines.join('')}`];
}
