import { expect, it } from 'vitest';
import { changesOf, compileChanges } from '../../test/golden/compile-manifest.ts';
import { gatewayRows } from './gateway-rows.ts';

const LISTENERS = '[{ name: a, port: 80, protocol: HTTP }, { name: b, port: 81, protocol: HTTP }]';

/** The rows of a Gateway with this besides. */
function rows(rest: string) {
  const gateway = `{ apiVersion: gateway.networking.k8s.io/v1, kind: Gateway, metadata: { name: g }, spec: { gatewayClassName: sluice, listeners: ${LISTENERS}, ${rest} } }`;
  const route =
    '{ apiVersion: gateway.networking.k8s.io/v1, kind: HTTPRoute, metadata: { name: r }, spec: { parentRefs: [{ name: g, sectionName: a }] } }';
  return gatewayRows(compileChanges(changesOf(`${gateway}\n---\n${route}\n`)));
}

it('shows each listener, whether it is served, and what is wrong with it', () => {
  const common = { gateway: 'default/g', kinds: ['HTTPRoute', 'GRPCRoute'] };
  expect(rows('')).toEqual([
    { ...common, listener: 'a', attachedRoutes: 1, served: true, problem: '' },
    {
      ...common,
      listener: 'b',
      attachedRoutes: 0,
      served: false,
      problem: 'PortUnavailable: HTTP is served on port 80 or 8080, not on 81',
    },
  ]);
});

it('says of a listener what is wrong with its Gateway', () => {
  const [first] = rows('addresses: [{ type: Hostname, value: a.test }]');
  expect(first).toMatchObject({ served: false, problem: expect.stringMatching(/^UnsupportedAddress: /) });
});
