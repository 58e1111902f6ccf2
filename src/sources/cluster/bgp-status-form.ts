import type { BgpStatus } from '../../model/bgp-status.ts';
import { nodeStatusFields, nodeStatusMetadata, type NodeStatusForm } from './node-statuses.ts';

/** ServiceBGPStatus (metallb.io/v1beta1). */
export const BGP_STATUS_FORM: NodeStatusForm<BgpStatus> = {
  resource: {
    group: 'metallb.io',
    version: 'v1beta1',
    plural: 'servicebgpstatuses',
    kind: 'ServiceBGPStatus',
    isNamespaced: true,
  },
  metadata: (status) => nodeStatusMetadata(status),
  fields: (status) => ({ ...nodeStatusFields(status), peers: [...status.peers] }),
  decode: ({ node, service, since, addresses, status: { peers } }) => ({
    node,
    service,
    since,
    addresses,
    peers: (Array.isArray(peers) ? peers : []).filter((item: unknown) => typeof item === 'string').sort(),
  }),
};
