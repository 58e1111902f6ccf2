import { NO_NODE_FACTS } from '../../src/compile/settings.ts';
import { Compiler } from '../../src/compile/compiler.ts';
import type { Plan } from '../../src/compile/plan.ts';
import type { CompileSettings } from '../../src/compile/settings.ts';
import { STANDALONE_SETTINGS } from '../../src/app/check.ts';
import { findingRows, findingsOf } from '../../src/observe/views.ts';
import { checkpointFiles } from '../fakes/checkpoint-files.ts';
import { DATA_MAPS, FILES } from '../../src/planes/l7/files.ts';
import { renderCheckpoint } from '../../src/planes/l7/checkpoint.ts';
import { admitObject, findingsKey } from '../../src/sources/admit/admit.ts';
import { addressText } from '../../src/model/published-address.ts';
import { parseFile } from '../../src/sources/manifests/document.ts';
import { printGatewayStatus } from './gateway-status.ts';
import { EVERYTHING_READ, type Change } from '../../src/sources/change.ts';
import { Store } from '../../src/sources/store.ts';

/** The moment at which golden certificates are looked at: 2026-01-01. */
export const GOLDEN_NOW_MS = Date.UTC(2026, 0, 1);

/** Admits every object of a manifest; there are no others, and no name has an address. Throws when the text is not YAML. */
export function changesOf(text: string): readonly Change[] {
  const parsed = parseFile(text);
  if (parsed.kind === 'broken') throw new Error(parsed.message);
  const changes = parsed.documents.flatMap(({ raw }): readonly Change[] => {
    const admission = admitObject(raw);
    if (admission === undefined) return [];
    const findings =
      admission.findings.length === 0
        ? []
        : [{ table: 'findings', key: findingsKey(admission.ref), value: admission.findings } as const];
    return admission.change === undefined ? findings : [admission.change, ...findings];
  });
  const names = changes.flatMap((change) => (change.table === 'services' ? (change.value?.externalName ?? []) : []));
  const answers = names.map((key) => ({ table: 'resolvedNames', key, value: { addresses: [] } }) as const);
  return [...EVERYTHING_READ, ...changes, ...answers];
}

export function compileChanges(changes: readonly Change[], settings: CompileSettings = STANDALONE_SETTINGS): Plan {
  const store = new Store();
  store.commit(changes);
  return new Compiler(settings).compile(store.snapshot, { nowMs: GOLDEN_NOW_MS, node: NO_NODE_FACTS });
}

/** Most plans have nothing in most of them. */
const DATA_FILES: ReadonlySet<string> = new Set([
  FILES.entrances,
  FILES.listeners,
  FILES.engine,
  FILES.passwordFiles,
  ...Object.values(DATA_MAPS),
]);

/** A plan as a person reads it: what HAProxy is given, without the fixed skeleton and keys, then status and Findings. */
export function printPlan(plan: Plan): string {
  const files = checkpointFiles(renderCheckpoint(plan.l7, 'self-signed\n'));
  const parts = [...files]
    .filter(([name, text]) => !name.startsWith('certs/') && (!isEmpty(text) || !DATA_FILES.has(name)))
    .filter(([name, text]) => name !== FILES.reserve || text !== '0\n')
    .map(([name, text]) => `## ${name}\n${text.trim()}\n`);
  const addresses = plan.status.addresses.map(addressText).join(', ');
  const status = plan.status.ingresses.sorted().map(([key]) => `${key}: ${addresses}\n`);
  const gateways = printGatewayStatus(plan.status.gateway);
  return [...parts, `## status\n${status.join('')}${gateways}`, `## findings\n${printFindings(plan)}`].join('\n');
}

function isEmpty(text: string): boolean {
  return text === '' || text === '{}\n';
}

export function printFindings(plan: Plan): string {
  const lines = findingRows(findingsOf(plan)).map(
    (row) => `${row.severity} ${row.code} ${row.reason} ${row.kind} ${row.object} ${row.field}\n  ${row.message}\n`,
  );
  return lines.join('');
}
