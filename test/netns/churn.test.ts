/** Ten thousand changes of endpoints while clients connect a hundred thousand times. Endpoints that leave stay alive. */
import { test } from 'vitest';
import { chosenDriver } from './driver.ts';
import { PODS, type PodName } from './topology.ts';
import { useLab } from './behaviours/use-lab.ts';

const SERVICES = 200;
/** For kube-proxy a round is four hundred writes to an API server. */
const ROUNDS = chosenDriver() === 'kube-proxy' ? 5 : 50;
const CONNECTS = 100_000;

const file = useLab();

/** Numbers that look random and are the same in every run (Park and Miller 1988). */
function sequence(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

test('67 ten thousand endpoint changes during a hundred thousand connects fail none', async () => {
  const { lab } = file;
  const next = sequence(4711);
  const some = (): readonly PodName[] => {
    const chosen = PODS.filter(() => next(2) === 0);
    return chosen.length > 0 ? chosen : [PODS[next(PODS.length)] ?? 'a1'];
  };
  const ports = [{ name: 'tcp', protocol: 'TCP', port: 80, targetPort: 8080 }] as const;
  const services = Array.from({ length: SERVICES }, () => file.service({ ports, endpoints: some() }));
  await lab.apply(...services);
  const targets = services.flatMap((service) => service.clusterTargets());
  await lab.withLoad(['ext', 'a1', 'node-c'], targets, CONNECTS, async () => {
    for (let round = 0; round < ROUNDS; round += 1)
      await lab.apply(...services.map((service) => service.with({ endpoints: some() })));
  });
}, 480_000);
