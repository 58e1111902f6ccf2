import { readFileSync } from 'node:fs';
import { requestDifferences, type RequestDifference } from '../compile/l7/answer/differences.ts';
import type { Plan } from '../compile/plan.ts';
import { Fault, messageOf } from '../lib/fault.ts';
import { isRecord } from '../lib/is-record.ts';
import { isKind, KINDS } from '../model/kinds.ts';
import { keyOf } from '../model/object.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { certificateRows, findingRows, findingsOf, type FindingRow } from '../observe/views.ts';
import { admitObject, findingsKey } from '../sources/admit/admit.ts';
import type { Change } from '../sources/change.ts';
import { parseFile } from '../sources/manifests/document.ts';
import type { Store } from '../sources/store.ts';
import { clientFor, readCluster, readFolder, type CheckOptions } from './check.ts';
import type { RunFlags } from './flags/register.ts';
import type { KubeconfigChoice } from './options.ts';

/** What changes if objects were applied. */
export interface PlanDifference {
  readonly requests: readonly RequestDifference[];
  readonly certificates: readonly ChangedText[];
  readonly addresses: readonly ChangedText[];
  /** Findings that there would be, and those that there would be no more. */
  readonly findings: { readonly new: readonly FindingRow[]; readonly gone: readonly FindingRow[] };
}

/** Something that has another value. */
export interface ChangedText {
  /** A host, or a Service. */
  readonly name: string;
  /** Empty: there was, or is, none. */
  readonly before: string;
  readonly after: string;
}

/** What is compared with what there is. */
export interface DiffOptions extends Omit<CheckOptions, 'amend'> {
  /** The objects that would be applied. */
  readonly file: string;
}

/** What would change if the objects of a file were put into a folder. @throws Fault when either cannot be read */
export async function diffFolder(directory: string, { file, ...options }: DiffOptions): Promise<PlanDifference> {
  const raws = rawObjects(file);
  return compared(
    (amend) => readFolder(directory, { ...options, amend }),
    raws,
    () => undefined,
  );
}

/** The same for an API server. Nothing is sent to it. @throws Fault when it does not answer in time */
export async function diffCluster(
  kubeconfig: KubeconfigChoice,
  source: Pick<RunFlags['source'], 'namespaces' | 'hasGatewayApi'>,
  { file, ...options }: DiffOptions,
): Promise<PlanDifference> {
  const raws = rawObjects(file);
  const client = await clientFor(kubeconfig);
  try {
    // What is new is younger than all that is there.
    const now = new Date();
    return await compared(
      (amend) => readCluster(client, source, { ...options, amend }),
      raws,
      () => now,
    );
  } finally {
    client.close();
  }
}

async function compared(
  read: (amend: NonNullable<CheckOptions['amend']>) => Promise<{ readonly plan: Plan }>,
  raws: readonly unknown[],
  createdIfNew: () => Date | undefined,
): Promise<PlanDifference> {
  let before: Plan | undefined;
  const { plan: after } = await read((store, plan) => {
    before = plan;
    apply(store, raws, createdIfNew);
  });
  return planDifference(before ?? after, after);
}

/** @throws Fault `manifests` where the file cannot be read, or is none */
function rawObjects(file: string): readonly unknown[] {
  const parsed = parseFile(textOf(file));
  if (parsed.kind === 'broken')
    throw new Fault('manifests', `cannot read ${file}: line ${String(parsed.line)}: ${parsed.message}`, {
      retryable: false,
    });
  return parsed.documents.map(({ json }): unknown => JSON.parse(json));
}

function textOf(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (cause) {
    throw new Fault('manifests', `cannot read ${file}: ${messageOf(cause)}`, { cause, retryable: false });
  }
}

function apply(store: Store, raws: readonly unknown[], createdIfNew: () => Date | undefined): void {
  const changes = raws.flatMap((raw): readonly Change[] => {
    const admission = admitObject(withAge(raw, store.snapshot, createdIfNew));
    if (admission === undefined) return [];
    const { ref, change, findings } = admission;
    const value = findings.length === 0 ? undefined : findings;
    return [...(change === undefined ? [] : [change]), { table: 'findings', key: findingsKey(ref), value }];
  });
  store.commit(changes);
}

/** An object that is there keeps its age, which decides who wins a path. */
function withAge(raw: unknown, snapshot: Snapshot, createdIfNew: () => Date | undefined): unknown {
  if (!isRecord(raw) || !isRecord(raw['metadata']) || !isKind(raw['kind'])) return raw;
  const { metadata, kind } = raw;
  const namespace = typeof metadata['namespace'] === 'string' ? metadata['namespace'] : 'default';
  const key = keyOf({ namespace: KINDS[kind].scope === 'namespace' ? namespace : '', name: String(metadata['name']) });
  const known: unknown = snapshot[KINDS[kind].table].get(key);
  const meta = isRecord(known) && isRecord(known['meta']) ? known['meta'] : undefined;
  const created = meta === undefined ? createdIfNew() : new Date(Number(meta['createdMs']));
  if (created === undefined) return raw;
  return { ...raw, metadata: { ...metadata, creationTimestamp: created.toISOString() } };
}

/** What differs between two plans, for those who look from outside. Pure. */
export function planDifference(before: Plan, after: Plan): PlanDifference {
  const [old, now] = [findingRows(findingsOf(before)), findingRows(findingsOf(after))];
  return {
    requests: requestDifferences(before.l7, after.l7),
    certificates: changedTexts(certificatesByHost(before), certificatesByHost(after)),
    addresses: changedTexts(addressesByService(before), addressesByService(after)),
    findings: { new: without(now, old), gone: without(old, now) },
  };
}

function certificatesByHost(plan: Plan): ReadonlyMap<string, string> {
  return new Map(
    certificateRows(plan).flatMap(({ secret, hosts, notAfter, fingerprint }) =>
      hosts.map((host) => [host, `${secret} until ${notAfter} (${fingerprint.slice(0, 16)})`] as const),
    ),
  );
}

function addressesByService(plan: Plan): ReadonlyMap<string, string> {
  return new Map(
    [...plan.addresses.entries()].map(([key, { addresses, pool }]) => [key, `${addresses.join(', ')} of ${pool}`]),
  );
}

function changedTexts(before: ReadonlyMap<string, string>, after: ReadonlyMap<string, string>): readonly ChangedText[] {
  return [...new Set([...before.keys(), ...after.keys()])]
    .sort()
    .map((name) => ({ name, before: before.get(name) ?? '', after: after.get(name) ?? '' }))
    .filter((item) => item.before !== item.after);
}

function without(rows: readonly FindingRow[], others: readonly FindingRow[]): readonly FindingRow[] {
  const known = new Set(others.map((row) => JSON.stringify(row)));
  return rows.filter((row) => !known.has(JSON.stringify(row)));
}
