import { join } from 'node:path';

/** Where one control plane keeps what, and where it listens: what its components must agree on. */
export interface Layout {
  readonly folder: string;
  /** On 127.0.0.1, as the other ports. */
  readonly etcdPort: number;
  readonly etcdPeerPort: number;
  readonly apiServerPort: number;
}

export interface LayoutFiles {
  /** Static users, as kube-apiserver's --token-auth-file wants them. */
  readonly tokens: string;
  /** Signs the tokens of ServiceAccounts. */
  readonly serviceAccountKey: string;
  readonly serviceAccountPublicKey: string;
  readonly certificates: string;
  /** Written by kube-apiserver at its first start: its own certificate, then the authority that signed it. */
  readonly authority: string;
}

export function layoutFiles({ folder }: Layout): LayoutFiles {
  const certificates = join(folder, 'certificates');
  return {
    tokens: join(folder, 'tokens.csv'),
    serviceAccountKey: join(folder, 'service-account.key'),
    serviceAccountPublicKey: join(folder, 'service-account.pub'),
    certificates,
    authority: join(certificates, 'apiserver.crt'),
  };
}

export function etcdUrl({ etcdPort }: Layout): string {
  return `http://127.0.0.1:${etcdPort}`;
}

export function apiServerUrl({ apiServerPort }: Layout): string {
  return `https://127.0.0.1:${apiServerPort}`;
}

export function etcdFlags(layout: Layout): readonly string[] {
  const peerUrl = `http://127.0.0.1:${layout.etcdPeerPort}`;
  return [
    `--data-dir=${join(layout.folder, 'etcd')}`,
    `--listen-client-urls=${etcdUrl(layout)}`,
    `--advertise-client-urls=${etcdUrl(layout)}`,
    `--listen-peer-urls=${peerUrl}`,
    `--initial-advertise-peer-urls=${peerUrl}`,
    `--initial-cluster=default=${peerUrl}`,
    // The data has to survive a killed etcd, not a machine that loses power.
    '--unsafe-no-fsync',
  ];
}

export function apiServerFlags(layout: Layout): readonly string[] {
  const files = layoutFiles(layout);
  return [
    `--etcd-servers=${etcdUrl(layout)}`,
    `--cert-dir=${files.certificates}`,
    `--secure-port=${layout.apiServerPort}`,
    '--bind-address=127.0.0.1',
    '--advertise-address=127.0.0.1',
    // The Endpoints of the Service `kubernetes` may not hold a loopback address, so nobody may write them.
    '--endpoint-reconciler-type=none',
    '--service-cluster-ip-range=10.96.0.0/16',
    '--authorization-mode=RBAC',
    `--token-auth-file=${files.tokens}`,
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${files.serviceAccountPublicKey}`,
    `--service-account-signing-key-file=${files.serviceAccountKey}`,
    // Otherwise no Pod is accepted without a controller manager that makes the default ServiceAccounts.
    '--disable-admission-plugins=ServiceAccount',
    '--allow-privileged=true',
  ];
}

const controllers = [
  'endpointslice-controller',
  'endpointslice-mirroring-controller',
  'namespace-controller',
  'serviceaccount-controller',
  'root-ca-certificate-publisher-controller',
  // Without it the roles `view`, `edit` and `admin` are empty.
  'clusterrole-aggregation-controller',
  'garbage-collector-controller',
];

export function controllerManagerFlags(layout: Layout, kubeconfig: string): readonly string[] {
  const files = layoutFiles(layout);
  return [
    `--kubeconfig=${kubeconfig}`,
    `--controllers=${controllers.join(',')}`,
    `--root-ca-file=${files.authority}`,
    `--service-account-private-key-file=${files.serviceAccountKey}`,
    '--leader-elect=false',
    // No port of its own: that its controllers work is seen in the objects that they make.
    '--secure-port=0',
  ];
}
