import type { Finding } from '../../model/finding.ts';
import { SecretText } from '../../model/secret-text.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import type { Want } from '../../model/want.ts';
import { compileBgp, type BgpInput, type BgpOutput } from './bgp-compiler.ts';
import type { BgpPlan } from './bgp-plan.ts';
import type { BgpSettings } from './bgp-settings.ts';

/** The plan, Findings by producer, empty ones to clear, and the Secrets that are needed. */
export interface BgpChange {
  readonly plan: BgpPlan;
  readonly findings: ReadonlyMap<string, readonly Finding[]>;
  readonly wants: readonly Want[];
}

/** What decides about all that is announced. */
const TABLES = [
  'addressPools',
  'bgpPeers',
  'bgpAdvertisements',
  'bfdProfiles',
  'communities',
  'nodes',
  'secrets',
  'unread',
  'complete',
] as const satisfies readonly (keyof Snapshot)[];

/** What this node announces by BGP, computed again as a whole, but only when a Service with an address changed, or what decides about all. */
export class BgpTable {
  readonly #settings: BgpSettings;
  #last: { readonly input: BgpInput; readonly output: BgpOutput } | undefined;

  constructor(settings: BgpSettings) {
    this.#settings = settings;
  }

  compile(input: BgpInput, before: Snapshot, changed: ReadonlySet<string>): BgpChange {
    const last = this.#last;
    if (last !== undefined && isSame(last.input, input, before, changed)) {
      const { plan, wants } = last.output;
      return { plan, wants, findings: new Map() };
    }
    const output = compileBgp(input, this.#settings);
    const plan = last !== undefined && samePlan(last.output.plan, output.plan) ? last.output.plan : output.plan;
    const cleared = [...(last?.output.findings.keys() ?? [])].map((producer) => [producer, []] as const);
    this.#last = { input, output: { ...output, plan } };
    return { plan, wants: output.wants, findings: new Map([...cleared, ...output.findings]) };
  }
}

function isSame(last: BgpInput, input: BgpInput, before: Snapshot, changed: ReadonlySet<string>): boolean {
  return (
    last.assignments === input.assignments &&
    last.nodeAddresses.join() === input.nodeAddresses.join() &&
    TABLES.every((table) => before[table] === input.snapshot[table]) &&
    ![...changed].some((key) => input.assignments.has(key))
  );
}

/** Passwords print all alike, and are compared by themselves. */
function samePlan(a: BgpPlan, b: BgpPlan): boolean {
  const passwords = ({ sessions }: BgpPlan): string =>
    JSON.stringify(sessions.map(({ password }) => (password instanceof SecretText ? password.reveal() : '')));
  return JSON.stringify(a) === JSON.stringify(b) && passwords(a) === passwords(b);
}
