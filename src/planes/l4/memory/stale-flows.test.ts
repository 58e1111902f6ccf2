import { describe, expect, it } from 'vitest';
import { cidr, ip } from '../../../../test/l4/snapshot-steps.ts';
import { frontendOf, NODE_PLAN, planOf, target } from '../../../../test/l4/objects.ts';
import type { L4Plan, NodePlan, ServicePlan } from '../../../compile/l4/l4-plan.ts';
import { PersistentMap } from '../../../lib/persistent-map.ts';
import type { FlowPath } from '../kernel/conntrack.ts';
import { familiesOf, FlowQuestion, isStale } from './stale-flows.ts';

function dns(serving: readonly string[], frontends = [frontendOf({ port: 53 })]): ServicePlan {
  return planOf({ protocol: 'UDP', frontends, serving: serving.map(target) });
}

function flow(text: string, protocol: FlowPath['protocol'] = 'udp'): FlowPath {
  const [to = '', by = ''] = text.split(' by ');
  const [destination, replySource] = [target(to), target(by)];
  return {
    protocol,
    destination: destination.address,
    destinationPort: destination.port,
    replySource: replySource.address,
    replySourcePort: replySource.port,
  };
}

const NODE_PORT = [frontendOf({ kind: 'NodePort', address: undefined, port: 30_053 })];
const VIA_A = '10.0.0.1:53 by 10.244.0.1:5353';

describe('the UDP flows that are forgotten', () => {
  it.each<readonly [string, ServicePlan | undefined, ServicePlan | undefined, string, boolean]>([
    [
      'to an endpoint that serves: kept',
      dns(['10.244.0.1:5353']),
      dns(['10.244.0.1:5353', '10.244.0.2:5353']),
      VIA_A,
      false,
    ],
    ['to one that serves no more', dns(['10.244.0.1:5353']), dns(['10.244.0.2:5353']), VIA_A, true],
    ['to one with another port', dns(['10.244.0.1:5353']), dns(['10.244.0.1:5354']), VIA_A, true],
    ['to the last one, which is gone', dns(['10.244.0.1:5353']), dns([]), VIA_A, true],
    ['to a Service that is gone', dns(['10.244.0.1:5353']), undefined, VIA_A, true],
    ['begun before there was an endpoint', dns([]), dns(['10.244.0.1:5353']), '10.0.0.1:53 by 10.0.0.1:53', true],
    ['begun before there was the Service', undefined, dns(['10.244.0.1:5353']), '10.0.0.1:53 by 10.0.0.1:53', true],
    [
      'to another port of the address: kept',
      dns(['10.244.0.1:5353']),
      dns([]),
      '10.0.0.1:54 by 10.244.0.1:5353',
      false,
    ],
    ['to nobody of ours: kept', dns(['10.244.0.1:5353']), dns([]), '203.0.113.1:53 by 203.0.113.1:53', false],
    [
      'by a node port',
      dns(['10.244.0.1:5353'], NODE_PORT),
      dns(['10.244.0.2:5353'], NODE_PORT),
      '192.0.2.10:30053 by 10.244.0.1:5353',
      true,
    ],
    [
      'by the number of a node port on another address: kept',
      dns(['10.244.0.1:5353'], NODE_PORT),
      dns([], NODE_PORT),
      '192.0.2.99:30053 by 10.244.0.1:5353',
      false,
    ],
  ])('%s', (_, before, after, text, expected) => {
    expect(stale([flow(text)], planWith([before]), planWith([after]))).toEqual(expected ? [flow(text)] : []);
  });

  it('are not those of an address that went from one Service to another with its endpoint', () => {
    const service = dns(['10.244.0.1:5353']);
    expect(stale([flow(VIA_A)], planWith([undefined, service]), planWith([service, undefined]))).toEqual([]);
  });

  it('are looked for where something of UDP has changed, and in no other family', () => {
    expect(asked(planWith([dns([])]), planWith([]))?.families).toEqual([4]);
    expect(asked(planWith([planOf({})]), planWith([planOf({ cluster: [target('10.244.0.9:80')] })]))).toBeUndefined();
  });

  it('are those by a node port on an address that the node has no more, or only now', () => {
    const plan = (addresses: readonly string[]): L4Plan =>
      planWith([dns(['10.244.0.1:5353'], NODE_PORT)], { nodePortAddresses: addresses.map(ip) });
    const gone = flow('192.0.2.10:30053 by 10.244.0.1:5353');
    const untranslated = flow('192.0.2.11:30053 by 192.0.2.11:30053');
    const kept = flow('192.0.2.12:30053 by 10.244.0.1:5353');
    const [before, after] = [plan(['192.0.2.10', '192.0.2.12']), plan(['192.0.2.11', '192.0.2.12'])];
    expect(stale([gone, untranslated, kept], before, after)).toEqual([gone, untranslated]);
  });

  it('are after a start those of Services that went meanwhile, as far as they may have been ours', () => {
    const plan = planWith([dns(['10.244.0.1:5353'])], {
      clusterIpRanges: [cidr('10.0.0.0/24')],
      ownPods: { kind: 'cidrs', cidrs: [cidr('10.244.0.0/16')] },
    });
    const [toClusterIp, toPod] = [flow('10.0.0.9:53 by 192.0.2.77:53'), flow('198.51.100.9:53 by 10.244.0.7:53')];
    const kept = [flow(VIA_A), flow('203.0.113.1:53 by 203.0.113.1:53'), flow('192.0.2.10:53 by 172.17.0.2:53')];
    expect(stale([toClusterIp, toPod, ...kept], undefined, plan)).toEqual([toClusterIp, toPod]);
  });

  it('of changes that came together are those of each, as the last one has it', () => {
    const question = new FlowQuestion();
    question.add(planWith([dns(['10.244.0.1:5353'])]), planWith([undefined]));
    const later = new FlowQuestion();
    const last = planWith([dns(['10.244.0.2:5353'])]);
    later.add(planWith([undefined]), last);
    question.include(later);
    const answer = question.answer(last);
    expect(answer !== undefined && isStale(flow(VIA_A), answer)).toBe(true);
    expect(answer !== undefined && isStale(flow('10.0.0.1:53 by 10.244.0.2:5353'), answer)).toBe(false);
  });
});

describe('the connects that are forgotten', () => {
  const UNTRANSLATED = flow('198.51.100.1:80 by 198.51.100.1:80', 'tcp');
  const balanced = planOf({ frontends: [frontendOf({ kind: 'LoadBalancer', address: ip('198.51.100.1') })] });
  const owner = { clusterIpRanges: [cidr('10.0.0.0/24')], ownsClusterIpRanges: true };

  it.each<readonly [string, L4Plan | undefined, L4Plan, FlowPath, boolean]>([
    ['to an address that appears', planWith([]), planWith([balanced]), UNTRANSLATED, true],
    ['after a start', undefined, planWith([balanced]), UNTRANSLATED, true],
    [
      'that are translated: kept',
      planWith([]),
      planWith([balanced]),
      flow('198.51.100.1:80 by 10.244.0.1:80', 'tcp'),
      false,
    ],
    ['to an address that was there: kept', planWith([balanced]), planWith([balanced]), UNTRANSLATED, false],
    [
      'to another port: kept',
      planWith([]),
      planWith([balanced]),
      flow('198.51.100.1:81 by 198.51.100.1:81', 'tcp'),
      false,
    ],
    [
      'to a ClusterIP that appears',
      planWith([]),
      planWith([planOf({})]),
      flow('10.0.0.1:80 by 10.0.0.1:80', 'tcp'),
      true,
    ],
    [
      'to a ClusterIP to which nothing was let through: kept',
      planWith([], owner),
      planWith([planOf({})], owner),
      flow('10.0.0.1:80 by 10.0.0.1:80', 'tcp'),
      false,
    ],
  ])('%s', (_, before, after, path, expected) => {
    expect(stale([path], before, after)).toEqual(expected ? [path] : []);
  });
});

function planWith(services: readonly (ServicePlan | undefined)[], node: Partial<NodePlan> = {}): L4Plan {
  const entries = services.flatMap((service, index) =>
    service === undefined ? [] : [[`ns/${String(index)}`, service] as const],
  );
  return {
    services: PersistentMap.from(entries),
    hairpins: PersistentMap.empty(),
    balancerIps: PersistentMap.empty(),
    announcedIps: PersistentMap.empty(),
    node: { ...NODE_PLAN, ...node },
  };
}

function asked(before: L4Plan | undefined, after: L4Plan) {
  const question = new FlowQuestion();
  question.add(before, after);
  const answer = question.answer(after);
  return answer === undefined ? undefined : { ...answer, families: familiesOf(answer, 'udp') };
}

function stale(flows: readonly FlowPath[], before: L4Plan | undefined, after: L4Plan): readonly FlowPath[] {
  const answer = asked(before, after);
  return answer === undefined ? [] : flows.filter((path) => isStale(path, answer));
}
