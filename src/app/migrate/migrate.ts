import { Compiler } from '../../compile/compiler.ts';
import { NginxModel } from '../../compile/l7/nginx/answer.ts';
import { readNginxConfig } from '../../compile/l7/nginx/config/read.ts';
import type { Plan } from '../../compile/plan.ts';
import { NO_NODE_FACTS, type CompileSettings } from '../../compile/settings.ts';
import type { Ingress } from '../../model/ingress.ts';
import { keyOf } from '../../model/object.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { findingsOf } from '../../observe/views.ts';
import { readArguments } from '../ingress-nginx/arguments.ts';
import { changedRequests, type RuleSets } from './comparison.ts';
import { nginxWorkloads, type WrittenObject } from './inputs.ts';
import { replayFile } from './replay.ts';
import { loadBalancerReports } from './service-loadbalancer.ts';
import { migrationReport, type MigrationReport, type ObjectReport } from './report.ts';
import { configMapReport, ingressReport } from './verdict.ts';

/** What a report is made of. */
export interface MigrationInputs {
  readonly snapshot: Snapshot;
  readonly objects: readonly WrittenObject[];
  /** What Sluice is going to run with. */
  readonly settings: CompileSettings;
  /** An access log to replay; undefined: none. */
  readonly accessLog: string | undefined;
}

/** What moving from ingress-nginx means for these objects. @throws Fault where the log cannot be read */
export async function migrationOf({
  snapshot,
  objects,
  settings,
  accessLog,
}: MigrationInputs): Promise<MigrationReport> {
  const chosen = compiled(snapshot, settings);
  const strict = compiled(snapshot, { ...settings, compat: 'strict-nginx' });
  const rules = ruleSets(snapshot, chosen, settings);
  const requests = changedRequests(rules);
  const strictRequests = changedRequests({ ...rules, plan: strict.l7 });
  const findings = Map.groupBy(findingsOf(strict), ({ object }) => `${object.kind} ${keyOf(object)}`);
  const reports = objects
    .filter(({ kind, namespace, name }) => kind === 'Ingress' && chosen.status.ingresses.has(`${namespace}/${name}`))
    .map((object): ObjectReport => {
      const key = `${object.namespace}/${object.name}`;
      return ingressReport(object, {
        findings: findings.get(`Ingress ${key}`) ?? [],
        requests: requests.get(key) ?? [],
        strictRequests: strictRequests.get(key) ?? [],
      });
    });
  const configMaps = objects
    .filter(({ kind, namespace, name }) => kind === 'ConfigMap' && `${namespace}/${name}` === settings.configMap)
    .map((object) => configMapReport(object, findings.get(`ConfigMap ${object.namespace}/${object.name}`) ?? []));
  const workloads = nginxWorkloads(objects).map(({ object, arguments: words }) => ({
    object: `${object.kind} ${object.namespace}/${object.name}`,
    arguments: readArguments(words).arguments,
  }));
  const replayed = accessLog === undefined ? undefined : await replayFile(accessLog, rules);
  return migrationReport([...reports, ...configMaps, ...loadBalancerReports(objects)], workloads, replayed);
}

function compiled(snapshot: Snapshot, settings: CompileSettings): Plan {
  return new Compiler(settings).compile(snapshot, { nowMs: Date.now(), node: NO_NODE_FACTS });
}

/** Both take the Ingresses that are ours: they are those of its class. */
function ruleSets(snapshot: Snapshot, plan: Plan, settings: CompileSettings): RuleSets {
  const ingresses: readonly Ingress[] = [...snapshot.ingresses.values()].filter(({ meta }) =>
    plan.status.ingresses.has(keyOf(meta)),
  );
  const { policy } = readNginxConfig(snapshot, settings).config;
  const nginx = new NginxModel(ingresses, { sslRedirect: settings.sslRedirect, policy });
  return { nginx, ingresses, services: snapshot.services, plan: plan.l7 };
}
