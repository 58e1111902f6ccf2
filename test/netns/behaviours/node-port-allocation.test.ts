/** Behaviours 17 to 19: who gets which node port. In a cluster the API server sees to the first two. */
import { describe, expect, test } from 'vitest';
import { chosenDriver } from '../driver.ts';
import type { ServiceFixture } from '../objects.ts';
import { API_URL } from '../sluice-driver.ts';
import { useLab } from './use-lab.ts';

const file = useLab();

function withNodePort(service: ServiceFixture, nodePort: number): ServiceFixture {
  return service.with({ ports: service.spec.ports.map((port) => ({ ...port, nodePort })) });
}

/** What Sluice says of a Service: the codes of its Findings. */
async function codesFor(service: ServiceFixture): Promise<readonly string[]> {
  const { body } = await file.lab.http('node-a', `${API_URL}/api/v1/findings`);
  const { items } = JSON.parse(body) as {
    readonly items: readonly { readonly code: string; readonly object: string }[];
  };
  const about = items.filter(({ object }) => object.endsWith(`/${service.name}`));
  return [...new Set(about.map(({ code }) => code))];
}

describe.skipIf(chosenDriver() === 'kube-proxy')('without an API server', () => {
  test('17 prevents NodePort collisions: the older keeps it, the other is told and served otherwise', async () => {
    const { lab } = file;
    const one = await file.served({ type: 'NodePort', endpoints: ['a1'] });
    const two = withNodePort(file.service({ type: 'NodePort', endpoints: ['b1'] }), one.nodePort);
    await lab.apply(two);
    await lab.expectFrom(['a2', 'ext'], one.nodePortTargets('node-b'), ['a1']);
    await lab.expectFrom(['a2', 'ext'], two.clusterTargets(), ['b1']);
    expect(await codesFor(one)).toEqual([]);
    expect(await codesFor(two)).toEqual(['SLU406']);
    await lab.remove(one);
    await lab.expectFrom(['a2', 'ext'], two.nodePortTargets('node-b'), ['b1']);
    expect(await codesFor(two)).toEqual([]);
  });

  test('18 checks that a NodePort is in the range', async () => {
    const { lab } = file;
    const web = withNodePort(file.service({ type: 'NodePort', endpoints: ['a1'] }), 80);
    await lab.apply(web);
    await lab.expectFrom('ext', web.nodePortTargets('node-a'), 'refused');
    await lab.expectFrom(['a2', 'ext'], web.clusterTargets(), ['a1']);
    expect(await codesFor(web)).toEqual(['SLU407']);
  });
});

test('19 releases NodePorts on delete', async () => {
  const { lab } = file;
  const one = await file.served({ type: 'NodePort', endpoints: ['a1'] });
  await lab.expectFrom('ext', one.nodePortTargets('node-a'), ['a1']);
  // Nobody listens even while it is served: the port is the kernel's rules' alone.
  const isListening = async (): Promise<boolean> =>
    (await lab.network.command('node-a', ['ss', '-Hltun'])).includes(`:${one.nodePort} `);
  expect(await isListening()).toBe(false);
  await lab.remove(one);
  expect(await isListening()).toBe(false);
  await lab.expectFrom('ext', one.nodePortTargets('node-a'), 'refused');
  const two = withNodePort(file.service({ type: 'NodePort', endpoints: ['b1'] }), one.nodePort);
  await lab.apply(two);
  await lab.expectFrom('ext', two.nodePortTargets('node-a'), ['b1']);
});
