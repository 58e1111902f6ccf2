import { isRecord } from '../../lib/is-record.ts';
import type { L2Status } from '../../model/l2-status.ts';
import { nodeStatusFields, nodeStatusMetadata, type NodeStatusForm } from './node-statuses.ts';

const WHY = 'sluice.dev/why';

/** ServiceL2Status (metallb.io/v1beta1). */
export const L2_STATUS_FORM: NodeStatusForm<L2Status> = {
  resource: {
    group: 'metallb.io',
    version: 'v1beta1',
    plural: 'servicel2statuses',
    kind: 'ServiceL2Status',
    isNamespaced: true,
  },
  metadata: (status) => nodeStatusMetadata(status, { [WHY]: status.why }),
  fields: (status) => ({ ...nodeStatusFields(status), interfaces: status.interfaces.map((name) => ({ name })) }),
  decode: ({ node, service, since, addresses, status: { interfaces }, annotation }) => ({
    node,
    service,
    since,
    addresses,
    interfaces: (Array.isArray(interfaces) ? interfaces : [])
      .flatMap((item: unknown) => (isRecord(item) && typeof item['name'] === 'string' ? [item['name']] : []))
      .sort(),
    why: annotation(WHY),
  }),
};
