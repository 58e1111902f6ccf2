import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, createServer, get, type IncomingMessage, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text as readText } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { adminToken, FakeApiServer } from '../fakes/apiserver/apiserver.ts';
import { makeCertificate } from '../traffic/certificate.ts';
import { Lab } from '../traffic/lab.ts';
import { ingress, service, slice } from '../traffic/manifest.ts';
import { formatDuration, percentile, residentMegabytes, type Row } from './report.ts';

const ENDPOINTS = 10;
const FLIPS = 200;

/** How big the synthetic cluster is; the API server holds a certificate per ten Ingresses. */
interface Size {
  readonly services: number;
  readonly ingresses: number;
}

const SIZES: readonly Size[] = [
  { services: 100, ingresses: 50 },
  { services: 1_000, ingresses: 500 },
  { services: 10_000, ingresses: 5_000 },
];

/** Somewhere that Sluice follows: `point` makes the Service of `live.test` have this port as its one endpoint. */
interface Origin {
  readonly lab: Lab;
  readonly startMs: number;
  /** Resolves when what a start brings with it is over, such as the status of every Ingress. */
  readonly settled: () => Promise<void>;
  readonly point: (port: number) => Promise<void> | void;
  readonly close: () => Promise<void>;
}

/** Addresses on loopback, which cannot leave the machine; nothing is sent to them. */
function addresses(n: number): readonly string[] {
  return Array.from(
    { length: ENDPOINTS },
    (_, index) => `127.${String((n >> 8) & 255)}.${String(n & 255)}.${String(index + 1)}`,
  );
}

function endpointSlice(name: string, ips: readonly string[], port: number) {
  return {
    metadata: { namespace: 'default', name: `${name}-x`, labels: { 'kubernetes.io/service-name': name } },
    addressType: 'IPv4',
    ports: [{ name: '', port, protocol: 'TCP' }],
    endpoints: ips.map((ip) => ({ addresses: [ip], conditions: { ready: true, serving: true, terminating: false } })),
  };
}

function clusterService(name: string) {
  const ports = [{ port: 80, protocol: 'TCP', targetPort: 8080 }];
  return { metadata: { namespace: 'default', name }, spec: { type: 'ClusterIP', ports } };
}

function clusterIngress(name: string, host: string, services: readonly string[], secretName?: string) {
  const paths = services.map((target, index) => ({
    path: index === 0 ? '/' : `/p${String(index)}`,
    pathType: 'Prefix',
    backend: { service: { name: target, port: { number: 80 } } },
  }));
  const tls = secretName === undefined ? [] : [{ hosts: [host], secretName }];
  // With the date that every API server gives, so that nothing but the status changes with a write of that.
  const metadata = { namespace: 'default', name, creationTimestamp: '2026-01-01T00:00:00Z' };
  return { metadata, spec: { tls, rules: [{ host, http: { paths } }] } };
}

function encode(text: string): string {
  return Buffer.from(text).toString('base64');
}

function seed(server: FakeApiServer, size: Size): void {
  const pem = makeCertificate('bench.test', ['*.bench.test']);
  const data = { 'tls.crt': encode(pem.certificate), 'tls.key': encode(pem.key) };
  const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, n) => n);
  const names = numbers(size.services).map((n) => `s${String(n)}`);
  const perIngress = size.services / size.ingresses;
  const secrets = Math.ceil(size.ingresses / 10);
  server.seed('services', [...names.map(clusterService), clusterService('live')]);
  server.seed(
    'endpointslices',
    names.map((name, n) => endpointSlice(name, addresses(n), 8080)),
  );
  server.seed(
    'secrets',
    numbers(secrets).map((n) => ({
      metadata: { namespace: 'default', name: `c${String(n)}` },
      type: 'kubernetes.io/tls',
      data,
    })),
  );
  server.seed('ingresses', [
    ...numbers(size.ingresses).map((n) => {
      const targets = names.slice(n * perIngress, (n + 1) * perIngress);
      return clusterIngress(`i${String(n)}`, `h${String(n)}.bench.test`, targets, `c${String(n % secrets)}`);
    }),
    clusterIngress('live', 'live.test', ['live']),
  ]);
}

/** Starts `lab` and gives how long it took until everything was served. */
async function timedStart(lab: Lab): Promise<number> {
  const beganMs = performance.now();
  lab.spawn();
  while ((await lab.api('/readyz')).status !== 200) await sleep(5);
  return performance.now() - beganMs;
}

/** From an API server, which lives in this process: what is measured is Sluice and its client. */
async function fromApiServer(size: Size, port: number): Promise<Origin> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  // As API servers are: TLS, and HTTP/2 with this many streams per connection.
  const server = await FakeApiServer.start({ bookmarkIntervalMs: 1000, isTls: true, http2: { maxStreams: 250 } });
  const point = (target: number): void =>
    void server.seed('endpointslices', [endpointSlice('live', ['127.0.0.1'], target)]);
  seed(server, size);
  point(port);
  const kubeconfig = join(folder, 'kubeconfig.json');
  await writeFile(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      'current-context': 'bench',
      contexts: [{ name: 'bench', context: { cluster: 'bench', user: 'bench' } }],
      clusters: [
        {
          name: 'bench',
          cluster: { server: server.url, 'certificate-authority-data': encode(server.authority?.certificate ?? '') },
        },
      ],
      users: [{ name: 'bench', user: { token: adminToken } }],
    }),
  );
  const lab = await Lab.forCluster(kubeconfig, ['--watch-ingress-without-class', '--ssl-redirect', 'false']);
  const startMs = await timedStart(lab);
  const settled = async (): Promise<void> => {
    const written = (): number => server.requests.filter(({ path }) => path.endsWith('/status')).length;
    for (let before = -1; before !== written(); await sleep(1000)) before = written();
  };
  const close = async (): Promise<void> => {
    await lab.stop();
    await server.close();
    await rm(folder, { recursive: true, force: true });
  };
  return { lab, startMs, settled, point, close };
}

/** From a folder, with so many Services in a file; without certificates. */
async function fromFolder(size: Size, port: number, servicesPerFile: number): Promise<Origin> {
  const lab = await Lab.forFolder(['--ssl-redirect', 'false']);
  const perIngress = size.services / size.ingresses;
  for (let first = 0; first < size.services; first += servicesPerFile) {
    let text = '';
    for (let n = first; n < first + servicesPerFile; n += 1) {
      const subset = `{ addresses: [${addresses(n)
        .map((ip) => `{ ip: ${ip} }`)
        .join(', ')}], ports: [{ port: 8080 }] }`;
      text += service(`s${String(n)}`, []).replace('subsets: []', `subsets: [${subset}]`);
      if (n % perIngress === 0) text += ingress(`i${String(n)}`, `h${String(n)}.bench.test`, { '/': `s${String(n)}` });
    }
    await lab.write(`${String(first)}.yaml`, text);
  }
  const [live = ''] = service('live', []).split('---');
  await lab.write(
    'live.yaml',
    `${live}---
${ingress('live', 'live.test', { '/': 'live' })}`,
  );
  const point = (target: number): Promise<void> => lab.write('live-endpoints.yaml', slice('live', [target]));
  await point(port);
  const startMs = await timedStart(lab);
  return { lab, startMs, settled: () => sleep(2000), point, close: () => lab.stop() };
}

/** An endpoint that answers its own port, at once. */
async function startEndpoint(): Promise<Server> {
  const server = createServer((_, response) => response.end(String(portOf(server))));
  server.keepAliveTimeout = 0;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('it listens on no port');
  return address.port;
}

/** Asks again and again on one connection, since how often it can ask is what the measurement is exact to. */
class Asker {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** How long from an event until a request reaches the endpoint with this port, in milliseconds. */
  async untilReached(endpoint: number, event: () => Promise<void> | void): Promise<number> {
    const beganMs = performance.now();
    await event();
    while ((await this.#ask()) !== String(endpoint));
    return performance.now() - beganMs;
  }

  close(): void {
    this.#agent.destroy();
  }

  async #ask(): Promise<string> {
    const options = { agent: this.#agent, host: '127.0.0.1', port: this.#port, headers: { host: 'live.test' } };
    const [response] = (await once(get(options), 'response')) as [IncomingMessage];
    return readText(response);
  }
}

async function measure(
  from: string,
  open: (size: Size, port: number) => Promise<Origin>,
  size: Size,
  ports: readonly [number, number],
): Promise<Row> {
  const { lab, startMs, settled, point, close } = await open(size, ports[1]);
  const asker = new Asker(lab.httpPort);
  try {
    await settled();
    const samples: number[] = [];
    for (let flip = 0; flip < FLIPS; flip += 1) {
      const port = ports[flip % 2 === 0 ? 0 : 1];
      samples.push(await asker.untilReached(port, () => point(port)));
      // Apart from each other, as events are that come on their own.
      await sleep(20);
    }
    const [sluice = 0, haproxy = 0] = await Promise.all((await lab.pids()).map(residentMegabytes));
    return [
      from,
      size.services.toLocaleString('en'),
      formatDuration(startMs),
      formatDuration(percentile(samples, 0.5)),
      formatDuration(percentile(samples, 0.99)),
      `${String(Math.round(sluice))} MB`,
      `${String(Math.round(haproxy))} MB`,
    ];
  } finally {
    asker.close();
    await close();
  }
}

export const PROGRAM_HEADINGS = [
  'source',
  'services × 10 endpoints',
  'start to ready',
  'endpoint p50',
  'endpoint p99',
  'Sluice',
  'HAProxy',
];

/** `sluice run` as a process of its own at each size, from the event at its source to the request at the endpoint. */
export async function programRows(progress: (text: string) => void): Promise<readonly Row[]> {
  const endpoints = [await startEndpoint(), await startEndpoint()] as const;
  const rows: Row[] = [];
  try {
    for (const [from, open] of [
      ['API server', fromApiServer],
      ['folder, 100 to a file', (size: Size, port: number) => fromFolder(size, port, 100)],
      ['folder, a file each', (size: Size, port: number) => fromFolder(size, port, 1)],
    ] as const) {
      for (const size of SIZES) {
        progress(`${String(size.services)} services from the ${from}`);
        rows.push(await measure(from, open, size, [portOf(endpoints[0]), portOf(endpoints[1])]));
      }
    }
    return rows;
  } finally {
    for (const endpoint of endpoints) {
      endpoint.closeAllConnections();
      endpoint.close();
    }
  }
}
