import { Agent, request } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCertificate } from './certificate.ts';
import { Engine } from './engine.ts';
import { Backend } from './lab.ts';
import { ingress, service, tlsSecret } from './manifest.ts';

const CHANGES = 10_000;
const STEADY = ['s0.test', 's1.test', 's2.test', 's3.test'];

/** Numbers that look random and are the same in every run (Park and Miller 1988). */
function sequence(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
}

describe('ten thousand changes', () => {
  let backends: Backend[];
  let engine: Engine;

  beforeAll(async () => {
    backends = await Promise.all(['a', 'b', 'c'].map((name) => Backend.start(name)));
    engine = await Engine.create();
  });

  afterAll(async () => {
    await engine.stop();
    await Promise.all(backends.map((backend) => backend.stop()));
  });

  it('fail no request and need no reload', async () => {
    const ports = backends.map((backend) => backend.port);
    const certificates = [makeCertificate('one', ['*.churn.test']), makeCertificate('two', ['*.churn.test'])] as const;
    const next = sequence(4711);
    for (const [index, host] of STEADY.entries()) {
      await engine.apply(
        service(`steady${String(index)}`, ports) +
          ingress(`steady${String(index)}`, host, { '/': `steady${String(index)}` }),
      );
    }
    const load = new SteadyLoad(engine.httpPort, STEADY);
    for (let change = 0; change < CHANGES; change += 1) {
      const n = String(next(20));
      const some = ports.filter((_, index) => index === next(3) || next(2) === 0);
      const chosen = some.length === 0 ? ports.slice(0, 1) : some;
      switch (next(6)) {
        case 0:
          await engine.apply(service(`steady${String(next(4))}`, chosen));
          break;
        case 1:
          await engine.apply(service(`churn${n}`, chosen, next(2) === 0 ? ', appProtocol: kubernetes.io/h2c' : ''));
          break;
        case 2:
          await engine.apply(
            ingress(
              `churn${n}`,
              `h${n}.churn.test`,
              { '/': `churn${n}`, [`/p${String(next(5))}`]: `churn${String(next(20))}` },
              next(2) === 0 ? `tls${n}` : undefined,
            ),
          );
          break;
        case 3:
          await engine.apply(tlsSecret(`tls${n}`, certificates[next(2) === 0 ? 0 : 1]));
          break;
        case 4:
          await engine.remove(ingress(`churn${n}`, `h${n}.churn.test`, {}));
          break;
        default:
          await engine.remove(next(2) === 0 ? service(`churn${n}`, []) : tlsSecret(`tls${n}`, certificates[0]));
      }
    }
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.sent).toBeGreaterThan(1000);
    expect(engine.starts).toEqual(['started']);
  }, 240_000);
});

/** HAProxy repeats all that it has said of servers when it deletes a backend; of this many its answer does not fit into its buffer. */
const MANY_SERVERS = 60;

it('brings a backend back whose deletion HAProxy did not answer to its end', async () => {
  const engine = await Engine.create();
  try {
    const backend = await Backend.start('a');
    const crowd = Array.from({ length: MANY_SERVERS }, (_, index) => 20_000 + index);
    await engine.apply(service('steady', [backend.port]) + ingress('steady', 'steady.test', { '/': 'steady' }));
    await engine.apply(service('crowd', crowd) + ingress('crowd', 'crowd.test', { '/': 'crowd' }));
    for (let round = 0; round < 8; round += 1) {
      await engine.remove(service('crowd', crowd));
      // Leftovers are deleted 100 ms after a change, and ever later for as long as that is refused.
      await setTimeout(150);
      await engine.apply(service('crowd', crowd));
    }
    await backend.stop();
  } finally {
    await engine.stop();
  }
  expect(engine.starts).toEqual(['started']);
}, 60_000);

/** Keep-alive requests in a loop from a few connections; anything but 200 is a failure. */
class SteadyLoad {
  sent = 0;
  readonly failures: string[] = [];
  #isStopped = false;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 8 });
  readonly #workers: Promise<void>[];

  constructor(port: number, hosts: readonly string[]) {
    this.#workers = hosts.map(async (host) => {
      while (!this.#isStopped) {
        this.sent += 1;
        const status = await this.#get(port, host);
        if (status !== 200) this.failures.push(`${host}: ${String(status)}`);
      }
    });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all(this.#workers);
    this.#agent.destroy();
  }

  #get(port: number, host: string): Promise<number | string> {
    return new Promise((resolve) => {
      const outgoing = request(
        { host: '127.0.0.1', port, path: '/', headers: { host }, agent: this.#agent },
        (response) => {
          response.resume();
          response.on('end', () => resolve(response.statusCode ?? 0));
          response.on('error', (error) => resolve(error.message));
        },
      );
      outgoing.on('error', (error) => resolve(error.message));
      outgoing.end();
    });
  }
}
