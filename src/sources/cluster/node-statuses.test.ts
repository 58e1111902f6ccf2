import { expect, it } from 'vitest';
import { nodeStatusMetadata, selectorOfNode } from './node-statuses.ts';

it.each([
  ['a name that fits', 'n'.repeat(63), ['node', 'service-name', 'service-namespace']],
  ['one that the API server would refuse as a label', 'n'.repeat(64), ['service-name', 'service-namespace']],
])('says by labels which node and which Service it is about, with %s', (_, node, labels) => {
  const metadata = nodeStatusMetadata({ node, service: 'shop/web', addresses: [], since: '' });
  const { 'metallb.io/node': label } = metadata['labels'] as Readonly<Record<string, string>>;
  expect(selectorOfNode(node)).toBe(label === undefined ? undefined : `metallb.io/node=${label}`);
  expect(Object.keys(metadata['labels'] ?? {}).map((name) => name.replace('metallb.io/', ''))).toEqual(labels);
});
