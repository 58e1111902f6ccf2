/**
 * What src/kube relies on an API server to do, as one suite for the fake and for the real one. A case
 * that only one of them passes shows where the fake is wrong.
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, it } from 'vitest';
import { electingCases } from './kube-client/electing.ts';
import { readingCases } from './kube-client/reading.ts';
import { reflectingCases } from './kube-client/reflecting.ts';
import { namespaces, Scene, type Case, type ClusterUnderTest } from './kube-client/scene.ts';
import { writingCases } from './kube-client/writing.ts';

export type { AccessRule, ClusterUnderTest } from './kube-client/scene.ts';

export interface KubeClientSuiteOptions {
  /** Cases that this server cannot pass, by name, and why. */
  readonly skip?: readonly { readonly case: string; readonly reason: string }[];
}

const caseTimeoutMs = 90_000;

const groups: Readonly<Record<string, Readonly<Record<string, Case>>>> = {
  reading: readingCases,
  reflecting: reflectingCases,
  writing: writingCases,
  electing: electingCases,
};

/**
 * Runs the suite against the servers that `makeServer` makes; one server serves all cases.
 *
 * @param name what the report calls the server
 */
export function describeKubeClient(
  name: string,
  makeServer: () => Promise<ClusterUnderTest>,
  { skip = [] }: KubeClientSuiteOptions = {},
): void {
  const known = new Set(Object.values(groups).flatMap((cases) => Object.keys(cases)));
  const unknown = skip.find((skipped) => !known.has(skipped.case));
  if (unknown !== undefined) throw new Error(`there is no case ${JSON.stringify(unknown.case)} to skip`);

  describe(name, { timeout: caseTimeoutMs }, () => {
    let cluster: ClusterUnderTest;
    let scene: Scene;
    let count = 0;
    beforeAll(async () => {
      cluster = await makeServer();
    });
    afterAll(() => cluster.close());
    beforeEach(async () => {
      count += 1;
      scene = new Scene(cluster, `contract-${count}`);
      await scene.create(namespaces, scene.namespace);
    });
    afterEach(() => scene.end());

    describe.each(Object.entries(groups))('%s', (_group, cases) => {
      for (const [title, run] of Object.entries(cases)) {
        const skipped = skip.find((entry) => entry.case === title);
        if (skipped === undefined) it(title, () => run(scene));
        else it.skip(`${title} (${skipped.reason})`, () => run(scene));
      }
    });
  });
}
