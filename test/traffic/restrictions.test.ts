/** What must not be reached is not reached: whatever the objects say that somebody else wrote. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Lab } from './lab.ts';

/** An ExternalName Service, and an Ingress of the same name that leads `NAME.test` to a port there. */
function external(name: string, externalName: string, port: number): string {
  return `apiVersion: v1
kind: Service
metadata: { name: ${name} }
spec: { type: ExternalName, externalName: "${externalName}" }
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: ${name} }
spec:
  rules:
    - host: ${name}.test
      http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: ${name}, port: { number: ${String(port)} } } } }] }
---
`;
}

/** Ways to write this machine, by a name for each. */
const SELF: readonly (readonly [name: string, externalName: string])[] = [
  ['by-name', 'localhost'],
  ['by-address', '127.0.0.1'],
  ['by-another', '127.9.9.9'],
  ['unspecified', '0.0.0.0'],
  ['mapped', '::ffff:127.0.0.1'],
];

describe('the API of Sluice, behind an ExternalName Service', () => {
  let lab: Lab;

  async function labWith(...flags: readonly string[]): Promise<Lab> {
    const created = await Lab.forFolder(flags);
    for (const [name, externalName] of SELF)
      await created.write(`${name}.yaml`, external(name, externalName, created.apiPort));
    await created.start();
    return created;
  }

  describe('where others write the objects', () => {
    beforeAll(async () => {
      lab = await labWith('--local-external-names', 'deny');
    });
    afterAll(() => lab.stop());

    it.each(SELF)('is out of reach %s, %s', async (name) => {
      expect((await lab.get(`http://${name}.test/api/v1/routes`)).status).toBe(503);
      expect((await lab.api('/api/v1/findings')).body).toContain(`"default/${name}"`);
    });
  });

  it('is reached where the operator allows it, as in a folder of their own', async () => {
    lab = await labWith();
    try {
      const { status, body } = await lab.get('http://by-name.test/api/v1/routes');
      expect(status).toBe(200);
      expect(body).toContain('by-name.test');
    } finally {
      await lab.stop();
    }
  });
});
