import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { makeCertificate } from '../traffic/certificate.ts';
import { DEPLOY, externalService, ingress, Shop } from './shop.ts';

const SECRETS_ROLE = DEPLOY.replace('sluice.yaml', 'secrets-in-namespace.yaml');

const patience = { timeout: 60_000, interval: 200 };

describe('what Sluice may see, while it runs', () => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await Shop.open({ hasControllers: true }, 20);
  });

  afterAll(() => shop.close());

  /** Holds when the API server does not take the token any more. */
  async function expectExpired(token: string): Promise<void> {
    const ask = (): Promise<string> => shop.cluster.kubectl(['auth', 'whoami', '--token', token]);
    await vi.waitFor(() => expect(ask()).rejects.toThrow('Unauthorized'), patience);
  }

  it('takes up a renewed token, and with one that is not renewed says why and goes on serving', async () => {
    const failures = await shop.failuresDuring(async () => {
      const first = await readFile(shop.tokenFile, 'utf8');
      const second = await shop.token(30);
      // Sluice reads its token once a minute, and at once when it is refused.
      await shop.replaceToken(second);
      await expectExpired(first);
      let output = shop.lab.output.length;
      shop.proxy.cut();
      await shop.expectNewHost('renewed');
      await shop.expectSynced();
      expect(shop.lab.output.slice(output)).not.toContain('kube-http-401');

      await expectExpired(second);
      output = shop.lab.output.length;
      shop.proxy.cut();
      await shop.expectOutput(output, /a source is stale/);
      await shop.expectOutput(output, /kube-http-401.*Unauthorized/);
      expect((await shop.lab.api('/readyz')).status).toBe(200);

      await shop.replaceToken(await shop.token(3600));
      await shop.expectNewHost('replaced');
      await shop.expectAddress('replaced');
      await shop.expectSynced();
    });
    expect(failures).toEqual([]);
  });

  it('keeps what it knows of a kind that RBAC forbids, names the verbs, follows the rest, and heals by itself', async () => {
    const findings = async (): Promise<string> => (await shop.lab.api('/api/v1/findings')).body;
    const failures = await shop.failuresDuring(async () => {
      const withoutServices = '[{"op":"replace","path":"/rules/0/verbs","value":["get"]}]';
      await shop.cluster.kubectl(['patch', 'clusterrole', 'sluice', '--type=json', '-p', withoutServices]);
      shop.proxy.cut();
      await shop.lab.until('the Finding', async () => (await findings()).includes('watch services'));
      await shop.expectNewHost('meanwhile');
      await shop.apply(externalService('new', shop.backendPort), ingress('new', 'new.test', { target: 'new' }));
      await shop.lab.until('503', async () => (await shop.statusOf('http://new.test/')) === 503);

      await shop.cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', DEPLOY]);
      await shop.lab.until('200', async () => (await shop.statusOf('http://new.test/')) === 200);
      expect(await findings()).not.toContain('SLU501');
    });
    expect(failures).toEqual([]);
  });

  it('reads the Secrets that a Role of their namespace names, when no ClusterRole lets it read any', async () => {
    const rules = JSON.parse(await shop.cluster.kubectl(['get', 'clusterrole', 'sluice', '-o', 'json'])) as {
      readonly rules: readonly { readonly resources: readonly string[] }[];
    };
    const index = rules.rules.findIndex(({ resources }) => resources.includes('secrets'));
    const remove = JSON.stringify([{ op: 'remove', path: `/rules/${String(index)}` }]);
    await shop.cluster.kubectl(['patch', 'clusterrole', 'sluice', '--type=json', '-p', remove]);
    const role = (await readFile(SECRETS_ROLE, 'utf8')).replace('NAME-OF-A-SECRET', 'granted');
    await shop.apply(role.replaceAll('metadata:\n', 'metadata:\n  namespace: shop\n'));
    for (const name of ['granted', 'other']) {
      const pem = makeCertificate(name, [`${name}.test`]);
      const stringData = { 'tls.crt': pem.certificate, 'tls.key': pem.key };
      const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'shop' }, stringData };
      await shop.apply(JSON.stringify(secret), ingress(name, `${name}.test`, { secret: name }));
    }
    const certificate = async (host: string): Promise<string> => (await shop.lab.get(`https://${host}/`)).certificate;
    await shop.lab.until('the certificate', async () => (await certificate('granted.test')) === 'granted');
    await shop.lab.until('the Finding', async () => {
      const { body } = await shop.lab.api('/api/v1/findings');
      return body.includes('SLU501') && body.includes('other') && !body.includes('granted');
    });
    expect(await certificate('other.test')).toBe('Sluice default certificate');
    await shop.cluster.kubectl(['apply', '--server-side', '--force-conflicts', '-f', DEPLOY]);
    await shop.lab.until('the other', async () => (await certificate('other.test')) === 'other');
  });

  it('serves an IngressClass of its own until it is deleted, and tells of it', async () => {
    const edge = `apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: { name: edge }
spec: { controller: sluice.dev/ingress }
`;
    const failures = await shop.failuresDuring(async () => {
      await shop.apply(edge, ingress('edge', 'edge.test', { className: 'edge' }));
      await shop.lab.until('200', async () => (await shop.statusOf('http://edge.test/')) === 200);
      await shop.cluster.kubectl(['delete', 'ingressclass', 'edge']);
      await shop.lab.until('404', async () => (await shop.statusOf('http://edge.test/')) === 404);
      expect((await shop.lab.api('/api/v1/findings')).body).toContain('SLU210');
      await shop.apply(edge);
      await shop.lab.until('200 again', async () => (await shop.statusOf('http://edge.test/')) === 200);
    });
    expect(failures).toEqual([]);
  });

  it('withdraws a namespace that is deleted, and nothing else', async ({ skip }) => {
    if (!shop.cluster.hasControllers) skip('KUBEBUILDER_ASSETS has no kube-controller-manager');
    const namespace = 'doomed';
    const pem = makeCertificate('doomed', ['doomed.test']);
    const secret = {
      apiVersion: 'v1',
      kind: 'Secret',
      type: 'kubernetes.io/tls',
      metadata: { name: 'tls', namespace },
      stringData: { 'tls.crt': pem.certificate, 'tls.key': pem.key },
    };
    const failures = await shop.failuresDuring(async () => {
      await shop.cluster.kubectl(['create', 'namespace', namespace]);
      await shop.apply(
        externalService('web', shop.backendPort, namespace),
        ingress('doomed', 'doomed.test', { namespace, secret: 'tls' }),
        JSON.stringify(secret),
      );
      const certificate = async (): Promise<string> => (await shop.lab.get('https://doomed.test/')).certificate;
      await shop.lab.until('its certificate', async () => (await certificate()) === 'doomed');
      const output = shop.lab.output.length;
      await shop.cluster.kubectl(['delete', 'namespace', namespace, '--timeout=60s']);
      await shop.lab.until('404', async () => (await shop.statusOf('http://doomed.test/')) === 404);
      await shop.lab.until('the default certificate', async () => (await certificate()) !== 'doomed');
      await shop.expectSynced();
      expect(shop.lab.output.slice(output)).not.toContain('apply failed');
    });
    expect(failures).toEqual([]);
    expect(await shop.lab.reloads()).toBe(0);
  });
});
