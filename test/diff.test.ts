import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { STANDALONE_SETTINGS } from '../src/app/check.ts';
import { diffFolder, type PlanDifference } from '../src/app/diff.ts';
import { differenceText } from '../src/cli/diff.ts';

const SETTINGS = {
  ...STANDALONE_SETTINGS,
  addresses: { className: undefined, pool: [], reportsMissingPools: false },
};

const SERVICES = ['web', 'api'].map(
  (name) => `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { type: ClusterIP, ports: [{ port: 80 }] }
---
`,
);

function ingress(
  name: string,
  paths: Readonly<Record<string, string>>,
  annotations: Readonly<Record<string, string>> = {},
): string {
  const list = Object.entries(paths).map(
    ([path, service]) =>
      `{ path: ${path}, pathType: Prefix, backend: { service: { name: ${service}, port: { number: 80 } } } }`,
  );
  const texts = Object.entries(annotations).map(([key, value]) => `nginx.ingress.kubernetes.io/${key}: "${value}"`);
  return `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: ${name}, annotations: { ${texts.join(', ')} } }
spec: { rules: [{ host: shop.test, http: { paths: [${list.join(', ')}] } }] }
---
`;
}

describe('sluice diff', () => {
  const root = mkdtempSync(join(tmpdir(), 'sluice-diff-'));
  afterAll(() => rmSync(root, { recursive: true }));
  const folder = mkdtempSync(join(root, 'is-'));
  writeFileSync(join(folder, 'a.yaml'), SERVICES.join('') + ingress('shop', { '/': 'web', '/api': 'api' }));

  async function diff(text: string): Promise<PlanDifference> {
    const file = join(root, 'new.yaml');
    writeFileSync(file, text);
    return diffFolder(folder, { settings: SETTINGS, onWait: () => {}, file });
  }

  it('says nothing where what would be applied is there', async () => {
    const difference = await diff(ingress('shop', { '/': 'web', '/api': 'api' }));
    expect(difference).toEqual({ requests: [], certificates: [], addresses: [], findings: { new: [], gone: [] } });
    expect(differenceText(difference)).toBe('Nothing changes.\n');
  });

  it('says which requests go elsewhere', async () => {
    const { requests } = await diff(ingress('shop', { '/': 'web', '/api': 'web' }));
    expect(requests).toEqual([
      {
        host: 'shop.test',
        schemes: ['http', 'https'],
        path: 'Prefix /api',
        condition: '',
        examples: ['/api', '/api/', '/api/sluice-probe'],
        before: 'default/api:80',
        after: 'default/web:80',
        owners: ['default/shop'],
        kind: 'target',
      },
    ]);
  });

  it('says which requests lose their route, are refused, rewritten, or treated otherwise', async () => {
    const kinds = async (text: string): Promise<readonly string[]> =>
      (await diff(text)).requests.map(({ kind, path, before, after }) => `${kind} ${path}: ${before} -> ${after}`);
    expect(await kinds(ingress('shop', { '/api': 'api' }))).toEqual(['status Prefix /: default/web:80 -> 404']);
    expect(await kinds(ingress('shop', { '/': 'web', '/api': 'api' }, { 'limit-rps': '5' }))).toEqual([
      'filters Prefix /: default/web:80 -> default/web:80, with RateLimit',
      'filters Prefix /api: default/api:80 -> default/api:80, with RateLimit',
    ]);
    expect(await kinds(ingress('shop', { '/': 'web', '/api': 'api' }, { 'rewrite-target': '/new' }))).toContain(
      'path Prefix /api: default/api:80 -> default/api:80 as /new',
    );
  });

  it('says what a new object takes from nobody, and which Findings there would be', async () => {
    const { requests, findings } = await diff(ingress('theirs', { '/api': 'web', '/new': 'gone' }));
    expect(requests.map(({ path, after }) => `${path}: ${after}`)).toEqual(['Prefix /new: 503']);
    expect(findings.new.map(({ reason, object }) => `${reason} ${object}`).sort()).toEqual([
      'PathConflict default/theirs',
      'ServiceNotFound default/theirs',
    ]);
    expect(findings.gone).toEqual([]);
  });

  it('says which addresses Services would have', async () => {
    const pool =
      '{ apiVersion: metallb.io/v1beta1, kind: IPAddressPool, metadata: { name: small, namespace: metallb-system }, spec: { addresses: [192.0.2.1-192.0.2.1] } }\n---\n';
    const { addresses } = await diff(pool + (SERVICES[0] ?? '').replace('ClusterIP', 'LoadBalancer'));
    expect(addresses).toEqual([{ name: 'default/web', before: '', after: '192.0.2.1 of small' }]);
  });

  it('refuses a file that is no manifest', async () => {
    await expect(diff('kind: [unclosed')).rejects.toThrow('new.yaml: line ');
  });
});
