import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { loadKubeconfig } from '../../src/kube/kubeconfig.ts';
import { GATEWAY_LABEL } from '../../src/sources/cluster/gateway-leases.ts';
import { describeStatus, type StatusCluster } from '../contract/status.ts';
import { Lab } from '../traffic/lab.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';
import { DEPLOY, ingress } from './shop.ts';

/** An admission policy that refuses to write the status of the Ingresses of one name, as a webhook might. */
function refusal(name: string): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'List',
    items: [
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name: 'refuse-status' },
        spec: {
          failurePolicy: 'Fail',
          matchConstraints: {
            resourceRules: [
              {
                apiGroups: ['networking.k8s.io'],
                apiVersions: ['v1'],
                operations: ['UPDATE'],
                resources: ['ingresses/status'],
              },
            ],
          },
          validations: [{ expression: `object.metadata.name != '${name}'`, message: 'this one is refused' }],
        },
      },
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata: { name: 'refuse-status' },
        spec: { policyName: 'refuse-status', validationActions: ['Deny'] },
      },
    ],
  });
}

async function refuseStatus(controlPlane: ControlPlane, name: string): Promise<() => Promise<void>> {
  await controlPlane.kubectl(['apply', '-f', '-'], { input: refusal(name) });
  await controlPlane.kubectl(['create', 'ingress', name, '-n', 'default', '--class=nobody', '--rule=a.test/=web:80']);
  const patch = JSON.stringify({ status: { loadBalancer: { ingress: [{ ip: '203.0.113.9' }] } } });
  const write = ['patch', 'ingress', name, '-n', 'default', '--subresource=status', '--type=merge', '-p', patch];
  // A policy counts a moment after it was written.
  await vi.waitFor(() => expect(controlPlane.kubectl(write)).rejects.toThrow('this one is refused'), {
    timeout: 60_000,
    interval: 200,
  });
  return async () => {
    await controlPlane.kubectl(['delete', '-f', '-'], { input: refusal(name) });
  };
}

describeStatus('status on kube-apiserver', async (): Promise<StatusCluster> => {
  const controlPlane = await startControlPlane();
  return {
    admin: await loadKubeconfig(controlPlane.kubeconfig()),
    refuseStatus: (name) => refuseStatus(controlPlane, name),
    close: () => controlPlane.stop(),
  };
});

/** What the containers of a workload in deploy/sluice.yaml are given about addresses, on a node with this address. */
async function publishFlags(workload: 'Deployment' | 'DaemonSet', nodeAddress: string): Promise<readonly string[]> {
  const documents = parseAllDocuments(await readFile(DEPLOY, 'utf8')).map(
    (document) => document.toJS() as Workload | null,
  );
  const args = documents.find((each) => each?.kind === workload)?.spec.template.spec.containers[0]?.args ?? [];
  const flags = args.filter((arg) => arg.startsWith('--publish-')).map((arg) => arg.replace('$(NODE_IP)', nodeAddress));
  expect(flags).not.toEqual([]);
  return flags;
}

interface Workload {
  readonly kind: string;
  readonly spec: {
    readonly template: { readonly spec: { readonly containers: readonly { readonly args: readonly string[] }[] } };
  };
}

describe('deploy/sluice.yaml on machines without a load balancer', () => {
  const labs: Lab[] = [];
  let cluster: ControlPlane;

  beforeAll(async () => {
    cluster = await startControlPlane();
    await cluster.kubectl(['apply', '--server-side', '-f', DEPLOY]);
    await cluster.kubectl(['create', 'namespace', 'shop']);
    await cluster.kubectl(['apply', '-f', '-'], { input: ingress('web', 'web.test') });
  });
  afterAll(async () => {
    for (const lab of labs) await lab.stop();
    await cluster.stop();
  });

  async function pod(workload: 'Deployment' | 'DaemonSet', nodeAddress: string): Promise<Lab> {
    const kubeconfig = await cluster.serviceAccountKubeconfig('sluice-system', 'sluice', 3600);
    const flags = [
      '--lease-namespace=sluice-system',
      '--no-access-log',
      ...(await publishFlags(workload, nodeAddress)),
    ];
    const lab = await Lab.forCluster(kubeconfig, flags);
    labs.push(lab);
    await lab.start();
    return lab;
  }

  /** Waits until `kubectl get ingress` shows exactly these. */
  async function expectShown(lab: Lab, addresses: string, timeoutMs?: number): Promise<void> {
    const shown = async (): Promise<string | undefined> =>
      (await cluster.kubectl(['get', 'ingress', '-n', 'shop', 'web', '--no-headers'])).split(/\s+/)[3];
    await lab.until(`the addresses ${addresses}`, async () => (await shown()) === addresses, timeoutMs);
  }

  it('shows the addresses of all edge nodes that serve, also while a pod leads that has none', async () => {
    const leader = await pod('Deployment', '');
    await leader.until('leading', () => Promise.resolve(leader.output.includes('"leading"')));
    const first = await pod('DaemonSet', '192.0.2.21');
    const second = await pod('DaemonSet', '192.0.2.22');
    await expectShown(first, '192.0.2.21,192.0.2.22');
    await second.signal('SIGTERM');
    await expectShown(first, '192.0.2.21');
    await second.start();
    await expectShown(first, '192.0.2.21,192.0.2.22');
  });

  it('leaves out an edge node that was killed once its Lease has run out, and removes the Lease', async () => {
    const [leader, first, second] = labs;
    if (leader === undefined || first === undefined || second === undefined) throw new Error('there are three pods');
    await second.signal('SIGKILL');
    await expectShown(first, '192.0.2.21', 90_000);
    await first.until('two Leases of gateways', async () => {
      const leases = await cluster.kubectl(['get', 'leases', '-n', 'sluice-system', '-l', GATEWAY_LABEL, '-o', 'name']);
      return leases.trim().split('\n').length === 2;
    });
    await second.start();
    await expectShown(first, '192.0.2.21,192.0.2.22');
    // The leader ends: its successor is one of the nodes, and knows the other.
    await leader.signal('SIGTERM');
    await first.until('another leader', () =>
      Promise.resolve([first, second].some((lab) => lab.output.includes('"leading"'))),
    );
    await expectShown(first, '192.0.2.21,192.0.2.22');
  });
});
