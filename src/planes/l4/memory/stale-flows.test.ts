import { describe, expect, it } from 'vitest';
import { frontendOf, NODE_PLAN, planOf, target } from '../../../../test/l4/objects.ts';
import type { ServicePlan } from '../../../compile/l4/l4-plan.ts';
import { staleFlows, touchesUdp } from './stale-flows.ts';

function dns(serving: readonly string[], frontends = [frontendOf({ port: 53 })]): ServicePlan {
  return planOf({ protocol: 'UDP', frontends, serving: serving.map(target) });
}

function flow(text: string) {
  const [to = '', by = ''] = text.split(' by ');
  const [destination, replySource] = [target(to), target(by)];
  return {
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
  ])('%s', (_, before, after, text, isStale) => {
    const flows = [flow(text)];
    expect(staleFlows(flows, [{ before, after }], NODE_PLAN, 4)).toEqual(isStale ? flows : []);
  });

  it('are not those of an address that went from one Service to another with its endpoint', () => {
    const transitions = [
      { before: undefined, after: dns(['10.244.0.1:5353']) },
      { before: dns(['10.244.0.1:5353']), after: undefined },
    ];
    expect(staleFlows([flow(VIA_A)], transitions, NODE_PLAN, 4)).toEqual([]);
  });

  it('are those of the family alone', () => {
    expect(staleFlows([flow(VIA_A)], [{ before: dns(['10.244.0.1:5353']), after: undefined }], NODE_PLAN, 6)).toEqual(
      [],
    );
  });
});

it.each([
  ['UDP before', dns([]), undefined, true],
  ['UDP after', planOf({}), dns([]), true],
  ['TCP alone', planOf({}), planOf({ protocol: 'TCP' }), false],
])('a change of %s is looked at: %s', (_, before, after, touches) => {
  expect(touchesUdp({ before, after })).toBe(touches);
});
