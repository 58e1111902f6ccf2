import { expect, it } from 'vitest';
import { nodeStatusMetadata } from './node-statuses.ts';

it.each([
  ['a name that fits', 'n'.repeat(63), ['node', 'service-name', 'service-namespace']],
  ['one that the API server would refuse as a label', 'n'.repeat(64), ['service-name', 'service-namespace']],
])('says by labels which node and which Service it is about, with %s', (_, node, labels) => {
  const metadata = nodeStatusMetadata({ node, service: 'shop/web', addresses: [], since: '' });
  expect(Object.keys(metadata['labels'] ?? {}).map((name) => name.replace('metallb.io/', ''))).toEqual(labels);
});
