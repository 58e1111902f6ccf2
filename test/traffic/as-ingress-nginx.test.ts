import { execFile } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Backend, Lab, SLUICE } from './lab.ts';
import { ingress, service } from './manifest.ts';

const CLASSES = `---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: { name: nginx }
spec: { controller: k8s.io/ingress-nginx }
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: { name: other }
spec: { controller: x.test/other }
`;

function ofClass(className: string, manifest: string): string {
  return manifest.replace('spec:\n', `spec:\n  ingressClassName: ${className}\n`);
}

describe('sluice run --as-ingress-nginx', () => {
  let backend: Backend;
  beforeAll(async () => {
    backend = await Backend.start('web');
  });
  afterAll(() => backend.stop());

  it('serves the class of ingress-nginx, listens where its arguments say, and reports what becomes of each', async () => {
    const words = ['/nginx-ingress-controller', '--election-id=x', '--default-backend-service=default/web'];
    const lab = await Lab.forFolder(['--as-ingress-nginx', '--', ...words]);
    await lab.write('classes.yaml', CLASSES);
    const mine = ofClass('nginx', ingress('mine', 'mine.test', { '/': 'web' }));
    const theirs = ofClass('other', ingress('theirs', 'theirs.test', { '/': 'web' }));
    await lab.write('web.yaml', service('web', [backend.port]) + mine + theirs);
    await lab.start();
    try {
      expect((await lab.get('http://mine.test/')).status).toBe(200);
      // Its rule is another controller's, so that it is a host that nobody has.
      expect((await lab.get('http://theirs.test/')).body).toContain('"name":"web"');
      expect(lab.output).toMatch(/"argument":"--election-id=x","verdict":"ignored"/);
      expect(lab.output).toMatch(/"verdict":"mapped","text":"--default-backend-service=default\/web"/);
    } finally {
      await lab.stop();
    }
  });

  it('starts nothing with an argument that it cannot serve, and names all of them', async () => {
    const words = ['--tcp-services-configmap=a/b', '--enable-ssl-passthrough', '--publish-service=a/b'];
    const { code, output } = await refusal(['run', '--manifests', '.', '--as-ingress-nginx', '--', ...words]);
    expect(code).toBe(1);
    expect(output).toContain('2 cannot be served');
    expect(output).toContain('--tcp-services-configmap=a/b: Its ports would not be served.');
    expect(output).toContain('--enable-ssl-passthrough: TLS is ended here');
  });

  it('needs to be told whose arguments they are', async () => {
    const { code, output } = await refusal(['run', '--manifests', '.', '--', '--election-id=x']);
    expect([code, output]).toEqual([1, expect.stringContaining('need --as-ingress-nginx')]);
  });
});

function refusal(words: readonly string[]): Promise<{ readonly code: number | null; readonly output: string }> {
  return new Promise((resolve) => {
    const child = execFile(SLUICE, words, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, output: stdout + stderr }),
    );
  });
}
