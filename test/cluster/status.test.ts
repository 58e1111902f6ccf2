import { expect, vi } from 'vitest';
import { loadKubeconfig } from '../../src/kube/kubeconfig.ts';
import { describeStatus, type StatusCluster } from '../contract/status.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';

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
  const ingress = ['create', 'ingress', name, '-n', 'default', '--class=nobody', '--rule=a.test/=web:80'];
  await controlPlane.kubectl(ingress);
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
