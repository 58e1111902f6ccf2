import { containersOf, type WrittenObject } from './inputs.ts';
import type { ObjectReport, Reason } from './report.ts';

/** What the retired service-loadbalancer (kubernetes-retired/contrib) was told, and what says the same here. */
export interface LoadBalancerRow {
  readonly name: string;
  readonly instead: string;
}

/** Annotations of Services, behind {@link PREFIX}. */
export const LOAD_BALANCER_ANNOTATIONS: readonly LoadBalancerRow[] = [
  { name: 'host', instead: 'Write an Ingress for the Service with this host in spec.rules.' },
  { name: 'aclMatch', instead: 'Write the path that it matches into the rule of an Ingress.' },
  { name: 'sslTerm', instead: 'Write an Ingress with the certificate in spec.tls.' },
  {
    name: 'cookie-sticky-session',
    instead: 'Write an Ingress with the annotation nginx.ingress.kubernetes.io/affinity: cookie.',
  },
  { name: 'algorithm', instead: 'Endpoints are chosen in turn; another way is not to be had.' },
];

/** Flags of its container. */
export const LOAD_BALANCER_FLAGS: readonly LoadBalancerRow[] = [
  { name: 'tcp-services', instead: 'Give each of these Services type LoadBalancer.' },
  { name: 'target-service', instead: 'Choose by --ingress-class instead.' },
  { name: 'namespace', instead: 'Give --watch-namespace.' },
  { name: 'ssl-cert', instead: 'Put it into a Secret, and give --default-ssl-certificate.' },
  {
    name: 'ssl-ca-cert',
    instead: 'docs/reference/annotations.md says what becomes of auth-tls-secret, the annotation for it.',
  },
  { name: 'error-page', instead: 'Give --default-backend-service with a Service that answers with it.' },
  { name: 'balance-algorithm', instead: 'Endpoints are chosen in turn; another way is not to be had.' },
  { name: 'http-port', instead: 'Give --http-port.' },
  { name: 'stats-port', instead: 'Ask for metrics, or with `sluice get`.' },
  { name: 'syslog', instead: 'The access log is on standard output.' },
  { name: 'forward-services', instead: 'Requests go to endpoints in any case.' },
];

export const PREFIX = 'serviceloadbalancer/lb.';

/** What moving means for Services with its annotations, and for the workload that ran it. Pure. */
export function loadBalancerReports(objects: readonly WrittenObject[]): readonly ObjectReport[] {
  return objects.flatMap((object): readonly ObjectReport[] => {
    const reasons = object.kind === 'Service' ? annotationReasons(object) : flagReasons(object);
    if (reasons.length === 0) return [];
    const { kind, namespace, name } = object;
    return [{ kind, object: `${namespace}/${name}`, verdict: 'unsupported', reasons, requests: [], patch: undefined }];
  });
}

function annotationReasons({ annotations }: WrittenObject): readonly Reason[] {
  return Object.entries(annotations).flatMap(([name, value]) => {
    if (!name.startsWith(PREFIX)) return [];
    const row = LOAD_BALANCER_ANNOTATIONS.find((item) => item.name === name.slice(PREFIX.length));
    return [reasonFor(`metadata.annotations["${name}"]`, value, row)];
  });
}

function flagReasons({ kind, raw }: WrittenObject): readonly Reason[] {
  if (kind !== 'Deployment' && kind !== 'DaemonSet') return [];
  return containersOf(raw).flatMap((container) => {
    if (!/service-?loadbalancer/.test(String(container['image']))) return [];
    const { args } = container;
    return (Array.isArray(args) ? args : []).flatMap((word: unknown) => {
      const [, name, value = ''] = /^--?([a-z0-9-]+)(?:=(.*))?$/s.exec(String(word)) ?? [];
      if (name === undefined) return [];
      return [
        reasonFor(
          `--${name}`,
          value,
          LOAD_BALANCER_FLAGS.find((item) => item.name === name),
        ),
      ];
    });
  });
}

function reasonFor(field: string, value: string, row: LoadBalancerRow | undefined): Reason {
  const shown = value === '' ? '' : ` ${JSON.stringify(value)}`;
  return {
    verdict: 'unsupported',
    field,
    text: `the service-loadbalancer is told by it${shown}, and Sluice does not read it`,
    remedy: row?.instead ?? 'It has no counterpart.',
  };
}
