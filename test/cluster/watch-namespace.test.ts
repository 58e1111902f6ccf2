import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from '../traffic/certificate.ts';
import { Backend, Lab } from '../traffic/lab.ts';
import { startControlPlane, type ControlPlane } from './control-plane.ts';
import { DEPLOY, externalService, ingress } from './shop.ts';

const NAMESPACE_ROLE = fileURLToPath(new URL('../../deploy/namespace-role.yaml', import.meta.url));

describe('a gateway that watches two namespaces, with Roles alone', { timeout: 120_000 }, () => {
  let cluster: ControlPlane;
  let backend: Backend;
  let lab: Lab;

  beforeAll(async () => {
    cluster = await startControlPlane({});
    await cluster.kubectl(['apply', '--server-side', '-f', DEPLOY]);
    await cluster.kubectl(['delete', 'clusterrolebinding', 'sluice']);
    await cluster.kubectl(['delete', 'clusterrole', 'sluice']);
    backend = await Backend.start('web');
    for (const namespace of ['shop', 'blog', 'other']) {
      await cluster.kubectl(['create', 'namespace', namespace]);
      if (namespace !== 'other') await cluster.kubectl(['apply', '-n', namespace, '-f', NAMESPACE_ROLE]);
      const host = `${namespace}.test`;
      const { certificate, key } = makeCertificate(namespace, [host]);
      const metadata = { name: 'tls', namespace };
      const stringData = { 'tls.crt': certificate, 'tls.key': key };
      await apply(
        externalService('web', backend.port, namespace),
        ingress('web', host, { namespace, secret: 'tls' }),
        JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata, stringData }),
      );
    }
    lab = await Lab.forCluster(await cluster.serviceAccountKubeconfig('sluice-system', 'sluice', 3600), [
      '--watch-namespace=shop,blog',
      '--publish-status-address=192.0.2.80',
      '--lease-namespace=sluice-system',
      // The backend of the tests is on this machine.
      '--local-external-names=allow',
    ]);
    await lab.start();
  }, 120_000);

  afterAll(async () => {
    await lab.stop();
    await cluster.stop();
    await backend.stop();
  });

  async function apply(...documents: readonly string[]): Promise<void> {
    await cluster.kubectl(['apply', '-f', '-'], { input: documents.join('---\n') });
  }

  async function findings(): Promise<readonly { readonly code: string; readonly object: string }[]> {
    const { body } = await lab.api('/api/v1/findings');
    // The page of the HTTP API says which fields there are.
    return (JSON.parse(body) as { items: { code: string; object: string }[] }).items;
  }

  it('serves these, with their certificates, and nothing of others', async () => {
    for (const namespace of ['shop', 'blog']) {
      const answer = await lab.get(`https://${namespace}.test/`);
      expect([answer.status, answer.certificate]).toEqual([200, namespace]);
    }
    expect((await lab.get('http://other.test/')).status).toBe(404);
  });

  it('follows changes, writes status, and tells of what is wrong by Events', async () => {
    await apply(ingress('new', 'new.test', { namespace: 'blog', target: 'nobody' }));
    await lab.until('503', async () => (await lab.get('http://new.test/')).status === 503);
    const path = 'jsonpath={.status.loadBalancer.ingress[*].ip}';
    const address = (): Promise<string> => cluster.kubectl(['get', 'ingress', '-n', 'blog', 'new', '-o', path]);
    await lab.until('its address', async () => (await address()) === '192.0.2.80');
    const events = (): Promise<string> => cluster.kubectl(['get', 'events', '-n', 'blog']);
    await lab.until('the Event', async () => (await events()).includes('ServiceNotFound'));
    await cluster.kubectl(['delete', 'ingress', '-n', 'blog', 'new']);
    await lab.until('404', async () => (await lab.get('http://new.test/')).status === 404);
  });

  it('does without IngressClasses, and says so once', async () => {
    const forbidden = (await findings()).filter(({ code }) => code === 'SLU501');
    expect(forbidden).toHaveLength(1);
    expect(forbidden).toMatchObject([{ object: 'ingressclasses.networking.k8s.io' }]);
    expect(await lab.metric('sluice_source_synced{source="cluster"}')).toBe(1);
  });

  it('waits at a start for a namespace whose Role is missing, names it, and serves a moment after it is there', async () => {
    await cluster.kubectl(['delete', 'rolebinding', '-n', 'blog', 'sluice']);
    await lab.signal('SIGTERM');
    lab.spawn();
    const reason =
      /services in namespace blog cannot be read|ingresses\.networking\.k8s\.io in namespace blog cannot be read/;
    await lab.until('the reason', async () => reason.test((await lab.api('/readyz')).body));
    await cluster.kubectl(['apply', '-n', 'blog', '-f', NAMESPACE_ROLE]);
    await lab.until('ready', async () => (await lab.api('/readyz')).status === 200);
    expect((await lab.get('https://blog.test/')).certificate).toBe('blog');
  });
});
