import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../traffic/certificate.ts';
import { Backend, Lab } from '../traffic/lab.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';

const DEPLOY = fileURLToPath(new URL('../../deploy/sluice.yaml', import.meta.url));
const DEPLOY_NODE = fileURLToPath(new URL('../../deploy/node.yaml', import.meta.url));

function ingress(name: string, host: string, target: string, secret?: string): string {
  const tls = secret === undefined ? '' : `  tls: [{ hosts: [${host}], secretName: ${secret} }]\n`;
  return `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: ${name}, namespace: shop }
spec:
  ingressClassName: sluice
${tls}  rules:
    - host: ${host}
      http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: ${target}, port: { number: 80 } } } }] }
`;
}

/** A Service without selector and its EndpointSlice. */
function service(name: string, port: number): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name}, namespace: shop }
spec: { ports: [{ port: 80 }] }
---
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata: { name: ${name}-1, namespace: shop, labels: { kubernetes.io/service-name: ${name} } }
addressType: IPv4
ports: [{ name: "", port: ${String(port)} }]
endpoints: [{ addresses: [198.51.100.1], conditions: { ready: true } }]
`;
}

describe('Sluice against a real kube-apiserver, as the ServiceAccount that deploy/ gives it', () => {
  let cluster: ControlPlane;
  let lab: Lab;
  let backend: Backend;

  beforeAll(async () => {
    cluster = await startControlPlane({ hasControllers: true });
    await cluster.kubectl(['apply', '-f', DEPLOY]);
    await cluster.kubectl(['create', 'namespace', 'shop']);
    backend = await Backend.start('web');
    const kubeconfig = await cluster.serviceAccountKubeconfig('sluice-system', 'sluice', 3600);
    lab = await Lab.forCluster(kubeconfig, [
      '--publish-status-address',
      '192.0.2.80',
      '--lease-namespace',
      'sluice-system',
      // The backend of the tests is on this machine.
      '--local-external-names=allow',
    ]);
    await lab.start();
  });

  afterAll(async () => {
    await lab.stop();
    await backend.stop();
    await cluster.stop();
  });

  async function apply(text: string): Promise<void> {
    await cluster.kubectl(['apply', '-f', '-'], { input: text });
  }

  async function statusOf(path: string): Promise<number> {
    return (await lab.get(path)).status;
  }

  it('serves an Ingress, and answers 503 for the endpoints that it cannot reach', async () => {
    // The API server refuses endpoints on loopback addresses, so that a real backend stands behind an ExternalName.
    await apply(`${service('unreachable', 80)}---\n${ingress('nowhere', 'nowhere.test', 'missing')}`);
    await lab.until('503', async () => (await statusOf('http://nowhere.test/')) === 503);
    const external = `apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec: { type: ExternalName, externalName: localhost, ports: [{ port: 80, targetPort: ${String(backend.port)} }] }
`;
    await apply(`${external}---\n${ingress('web', 'web.test', 'web')}`);
    await lab.until('200', async () => (await statusOf('http://web.test/')) === 200);
  });

  it('gives the node role what it needs to follow Services, and no Secrets', async () => {
    await cluster.kubectl(['apply', '-f', DEPLOY_NODE]);
    const may = async (...words: readonly string[]): Promise<string> => {
      const user = '--as=system:serviceaccount:sluice-system:sluice-node';
      return (await cluster.kubectl(['auth', 'can-i', ...words, user, '-A']).catch(() => 'no')).trim();
    };
    for (const kind of ['services', 'endpointslices.discovery.k8s.io', 'nodes'])
      for (const verb of ['list', 'watch']) expect(await may(verb, kind), `${verb} ${kind}`).toMatch(/yes$/);
    expect(await may('create', 'events')).toMatch(/yes$/);
    expect(await may('list', 'secrets')).toMatch(/no/);
    expect(await may('patch', 'nodes')).toMatch(/no/);
  });

  it('writes status, so that kubectl get ingress shows class, host and address', async () => {
    await lab.until('the address', async () => {
      const shown = await cluster.kubectl(['get', 'ingress', '-n', 'shop', 'web', '--no-headers']);
      return /^web\s+sluice\s+web\.test\s+192\.0\.2\.80\s/.test(shown);
    });
    const managers = await cluster.kubectl([
      'get',
      'ingress',
      '-n',
      'shop',
      'web',
      '-o',
      'jsonpath={.metadata.managedFields[*].manager}',
    ]);
    expect(managers.split(' ')).toContain('sluice');
  });

  it('tells of a Finding by an Event on the Ingress', async () => {
    await lab.until('the Event', async () => {
      const events = await cluster.kubectl([
        'get',
        'events',
        '-n',
        'shop',
        '--field-selector',
        'involvedObject.name=nowhere',
      ]);
      return events.includes('ServiceNotFound') && events.includes('SLU207');
    });
  });

  it('reads a Secret that an Ingress names, and follows its changes', async () => {
    for (const [round, name] of ['first', 'second'].entries()) {
      const pem = makeCertificate(name, ['tls.test']);
      const secret = {
        apiVersion: 'v1',
        kind: 'Secret',
        type: 'kubernetes.io/tls',
        metadata: { name: 'tls', namespace: 'shop' },
        stringData: { 'tls.crt': pem.certificate, 'tls.key': pem.key },
      };
      await apply(JSON.stringify(secret));
      if (round === 0) await apply(ingress('tls', 'tls.test', 'web', 'tls'));
      await lab.until(`the ${name} certificate`, async () => (await lab.get('https://tls.test/')).certificate === name);
    }
  });

  it('sluice check tells of the same Findings, and exits with 3', async () => {
    const kubeconfig = await cluster.serviceAccountKubeconfig('sluice-system', 'sluice', 3600);
    const child = spawn(fileURLToPath(new URL('../../bin/sluice', import.meta.url)), [
      'check',
      '--kubeconfig',
      kubeconfig,
    ]);
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await once(child, 'close');
    expect(child.exitCode).toBe(3);
    expect(output).toMatch(/^shop\/nowhere: error SLU207 Ingress shop\/nowhere spec\.rules\[0\]/m);
  });

  it('leaves Ingresses of other classes alone', async () => {
    await apply(
      ingress('other', 'other.test', 'web').replace('ingressClassName: sluice', 'ingressClassName: elsewhere'),
    );
    await apply(ingress('after', 'after.test', 'web'));
    await lab.until('the one after it', async () => (await statusOf('http://after.test/')) === 200);
    expect(await statusOf('http://other.test/')).toBe(404);
    expect(
      await cluster.kubectl(['get', 'ingress', '-n', 'shop', 'other', '-o', 'jsonpath={.status.loadBalancer}']),
    ).toBe('{}');
  });

  it('goes on serving while the API server is away, and follows again when it is back', async () => {
    await cluster.killApiServer();
    await lab.until('stale', () => Promise.resolve(lab.output.includes('a source is stale')));
    expect(await statusOf('http://web.test/')).toBe(200);
    expect((await lab.api('/readyz')).status).toBe(200);
    await cluster.startApiServer();
    await apply(ingress('later', 'later.test', 'web'));
    await lab.until('a change after it is back', async () => (await statusOf('http://later.test/')) === 200);
    expect(await statusOf('http://web.test/')).toBe(200);
  });

  it('starts from what it served last when there is no API server', async () => {
    await lab.signal('SIGTERM');
    await cluster.killApiServer();
    lab.spawn();
    await lab.until('the last good state', async () => (await statusOf('http://web.test/')) === 200);
    expect((await lab.api('/readyz')).status).toBe(503);
    await cluster.startApiServer();
    await lab.until('ready', async () => (await lab.api('/readyz')).status === 200);
    expect(await statusOf('http://web.test/')).toBe(200);
  });

  it('removes what is deleted', async () => {
    await cluster.kubectl(['delete', 'ingress', '-n', 'shop', 'after']);
    await lab.until('404', async () => (await statusOf('http://after.test/')) === 404);
  });

  it('serves the rest and names the verb when RBAC forbids what Roles cannot grant', async () => {
    const role = JSON.parse(await cluster.kubectl(['get', 'clusterrole', 'sluice', '-o', 'json'])) as {
      readonly rules: readonly { readonly resources: readonly string[] }[];
    };
    const index = role.rules.findIndex(({ resources }) => resources.includes('ingressclasses'));
    const rule = JSON.stringify([{ op: 'replace', path: `/rules/${String(index)}/resources`, value: ['ingresses'] }]);
    await lab.signal('SIGTERM');
    await cluster.kubectl(['patch', 'clusterrole', 'sluice', '--type=json', '-p', rule]);
    await lab.start();
    await lab.until('the finding', async () => {
      const { body } = await lab.api('/api/v1/findings');
      return body.includes('SLU501') && body.includes('list') && body.includes('ingressclasses');
    });
    expect(await statusOf('http://web.test/')).toBe(200);
    await cluster.kubectl(['apply', '-f', DEPLOY]);
    const findings = async (): Promise<string> => (await lab.api('/api/v1/findings')).body;
    await lab.until('it is granted', async () => !(await findings()).includes('SLU501'), 60_000);
  });

  it('agrees on one leader among two replicas, and the other takes over', async () => {
    const kubeconfig = await cluster.serviceAccountKubeconfig('sluice-system', 'sluice', 3600);
    const second = await Lab.forCluster(kubeconfig, [
      '--publish-status-address',
      '192.0.2.81',
      '--lease-namespace',
      'sluice-system',
    ]);
    try {
      await second.start();
      await lab.signal('SIGTERM');
      await lab.until('the address of the other', async () => {
        const shown = await cluster.kubectl(['get', 'ingress', '-n', 'shop', 'web', '--no-headers']);
        return shown.includes('192.0.2.81');
      });
    } finally {
      await second.stop();
    }
  });
});
