import { vi } from 'vitest';
import { loadKubeconfig } from '../../src/kube/kubeconfig.ts';
import { describeKubeClient, type AccessRule, type ClusterUnderTest } from '../contract/kube-client.ts';
import { startControlPlane, type ControlPlane, type ControlPlaneOptions } from './control-plane.ts';

const restrictedUser = 'restricted';

async function makeReal(options: ControlPlaneOptions): Promise<ClusterUnderTest> {
  const controlPlane = await startControlPlane({ ...options, users: { [restrictedUser]: [] } });
  const grant = new Grant(controlPlane);
  await grant.bind();
  return {
    admin: await loadKubeconfig(controlPlane.kubeconfig()),
    restricted: await loadKubeconfig(controlPlane.kubeconfig(restrictedUser)),
    allow: (rules) => grant.change(rules),
    crash: () => controlPlane.killApiServer(),
    recover: () => controlPlane.startApiServer(),
    forget: () => controlPlane.forgetHistory(),
    close: () => controlPlane.stop(),
  };
}

/** What `restricted` may do: one ClusterRole that is bound to him. */
class Grant {
  readonly #controlPlane: ControlPlane;
  #changes = 0;

  constructor(controlPlane: ControlPlane) {
    this.#controlPlane = controlPlane;
  }

  async bind(): Promise<void> {
    const binding = [restrictedUser, `--clusterrole=${restrictedUser}`, `--user=${restrictedUser}`];
    await this.#controlPlane.kubectl(['create', 'clusterrolebinding', ...binding]);
  }

  /** Holds when the server acts on it: its authorizer hears of a changed role a moment after the writer does. */
  async change(rules: readonly AccessRule[]): Promise<void> {
    this.#changes += 1;
    const mark = `/changes/${this.#changes}`;
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: restrictedUser },
      rules: [
        ...rules.map(({ verbs, groups, resources }) => ({ verbs, apiGroups: groups, resources })),
        { verbs: ['get'], nonResourceURLs: [mark] },
      ],
    };
    await this.#controlPlane.kubectl(['apply', '--filename', '-'], { input: JSON.stringify(role) });
    const asked = ['auth', 'can-i', 'get', mark];
    const isIn = (): Promise<string> => this.#controlPlane.kubectl(asked, { user: restrictedUser });
    await vi.waitFor(isIn, { timeout: 30_000, interval: 50 });
  }
}

describeKubeClient('KubeClient and kube-apiserver', () => makeReal({}));
describeKubeClient('KubeClient and kube-apiserver without watch-list and HTTP/2', () =>
  makeReal({ apiServerFlags: ['--feature-gates=WatchList=false', '--disable-http2-serving'] }),
);
