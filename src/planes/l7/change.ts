import type { L7Plan } from '../../compile/plan.ts';
import { renderBackends, type Leftovers, type Retired } from './backends.ts';
import { renderCertificates, renderDefaultCertificate } from './certificates.ts';
import { renderEndpointCertificates } from './endpoint-certificates.ts';
import { renderRoutes } from './routes.ts';
import type { Rendered, Step } from './step.ts';
import { renderListeners } from './tls-listeners.ts';

/** The steps from one plan to the next, in the order in which they are to be carried out (execute.ts), and what they leave behind. */
export interface RenderedChange {
  readonly steps: readonly Step[];
  readonly retired: Retired;
}

/**
 * The smallest number of steps that takes HAProxy from `before` to `after`. Pure; visits only what differs. Each kind of thing has a
 * renderer of its own. What all of them bring comes before whatever leads to it, and what goes does so after nothing leads to it.
 */
export function renderChange(
  before: L7Plan,
  after: L7Plan,
  leftovers: Leftovers,
  selfSignedPem: string,
): RenderedChange {
  const backends = renderBackends(before.backends, after.backends, leftovers);
  const routes = renderRoutes(before.hosts, after.hosts, leftovers.data);
  const endpointCertificates = renderEndpointCertificates(before, after, leftovers.files);
  const rendered: readonly Rendered[] = [
    endpointCertificates,
    renderCertificates(before.certificates, after.certificates),
    renderDefaultCertificate(before, after, selfSignedPem),
    backends,
    renderListeners(before.tlsListeners, after.tlsListeners),
    routes,
  ];
  const part = (name: keyof Rendered): readonly Step[] => rendered.flatMap((one) => one[name]);
  return {
    steps: [...part('comes'), ...part('leads'), ...part('goes')],
    retired: { ...backends.retired, data: routes.retired, files: endpointCertificates.retired },
  };
}
