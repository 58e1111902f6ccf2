import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DEFAULT_L4 } from '../compile/l4/l4-settings.ts';
import { checkManifests, STANDALONE_SETTINGS, type CheckOptions } from './check.ts';
import { defaultsOf } from './flags/flag.ts';
import { RUN_FLAGS } from './flags/register.ts';

const OPTIONS: CheckOptions = {
  settings: {
    ...STANDALONE_SETTINGS,
    l4: { ...DEFAULT_L4, nodeName: 'here' },
    allocation: { ...defaultsOf(RUN_FLAGS.allocation.flags), clusterIpRanges: [] },
  },
  onWait() {},
};

describe('checkManifests', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-check-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  /** Each Finding as `file:line CODE`, the folder left out. */
  async function placesIn(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(join(folder, name, '..'), { recursive: true });
      await writeFile(join(folder, name), text);
    }
    const { findings } = await checkManifests(folder, OPTIONS);
    return findings.map(({ finding, place }) => `${place.slice(folder.length + 1)} ${finding.code}`);
  }

  it('tells the line of the field, in the order of files and lines', async () => {
    const web = `apiVersion: v1
kind: List
items:
  - apiVersion: networking.k8s.io/v1
    kind: Ingress
    metadata: { name: web }
    spec:
      tls:
        - hosts: [a.test]
          secretName: nothing
      rules:
        - host: "a_b!"
        - host: a.test
          http:
            paths:
              - path: /
                pathType: Prefix
                backend:
                  service:
                    name: nobody
                    port: { number: 80 }
              - path: /y
                pathType: Exact
`;
    expect(
      await placesIn({ 'web.yaml': web, 'a.json': '{"apiVersion":"v1","kind":"Service",\n"metadata":{}}' }),
    ).toEqual([
      'a.json:2 SLU104',
      'web.yaml:10 SLU301',
      'web.yaml:12 SLU201',
      'web.yaml:20 SLU207',
      'web.yaml:22 SLU206',
    ]);
  });

  it('tells both of two objects without a name, and the second of two with the same', async () => {
    const nameless = 'apiVersion: v1\nkind: Service\n---\n';
    const named = 'apiVersion: v1\nkind: Service\nmetadata: { name: a }\nspec: { clusterIP: None }\n---\n';
    expect(await placesIn({ 'x.yaml': nameless + nameless, 'y.yaml': named + named })).toEqual([
      'x.yaml:1 SLU104',
      'x.yaml:4 SLU104',
      'y.yaml:6 SLU105',
    ]);
  });

  it('tells the line on which a file breaks, and of a document that is no object', async () => {
    expect(await placesIn({ 'sub/broken.yaml': 'a: 1\nb: "c\n', 'text.yaml': '# hello\n\nwords\n' })).toEqual([
      'sub/broken.yaml:3 SLU101',
      'text.yaml:3 SLU102',
    ]);
  });

  it('asks for the address of a name before it says that there is none', async () => {
    const external = (name: string, externalName: string): string =>
      `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { type: ExternalName, externalName: ${externalName} }\n---\n`;
    const path = (name: string): string =>
      `{ path: /${name}, pathType: Prefix, backend: { service: { name: ${name}, port: { number: 80 } } } }`;
    const ingress = `apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: web }\nspec: { rules: [{ http: { paths: [${path('known')}, ${path('unknown')}] } }] }\n`;
    const files = { 'x.yaml': external('known', 'localhost') + external('unknown', 'unknown.invalid') + ingress };
    expect(await placesIn(files)).toEqual(['x.yaml:9 SLU402']);
  });

  it('fails in one sentence on a folder that is not there', async () => {
    await expect(checkManifests(join(folder, 'nowhere'), OPTIONS)).rejects.toThrow(/^cannot read .*nowhere: /);
  });
});
