import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findHaproxy } from '../../src/app/haproxy.ts';
import { STANDALONE_SETTINGS } from '../../src/app/check.ts';
import { NO_NODE_FACTS } from '../../src/compile/settings.ts';
import { Compiler } from '../../src/compile/compiler.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import { hostnameOf, ipAddressOf, urlPathOf } from '../../src/model/grammar.ts';
import { DEFAULT_POLICY } from '../../src/model/ingress.ts';
import { DEFAULT_TRAFFIC, NO_PLACE, type EndpointSlice } from '../../src/model/service.ts';
import { SecretText } from '../../src/model/secret-text.ts';
import { L7Plane } from '../../src/planes/l7/plane.ts';
import { renderSkeleton } from '../../src/planes/l7/skeleton.ts';
import { selfSignedPem } from '../../src/planes/l7/self-signed.ts';
import type { Change } from '../../src/sources/change.ts';
import { Store } from '../../src/sources/store.ts';
import { makeCertificate } from '../traffic/certificate.ts';
import { engineSettings } from '../traffic/engine.ts';
import { freePort } from '../traffic/lab.ts';
import { formatDuration, percentile, type Row } from './report.ts';

const ENDPOINTS = 10;
const FLIPS = 300;

/** How big the synthetic cluster is. */
interface Size {
  readonly services: number;
  readonly ingresses: number;
  readonly certificates: number;
}

const SIZES: readonly Size[] = [
  { services: 100, ingresses: 50, certificates: 5 },
  { services: 1_000, ingresses: 500, certificates: 50 },
  { services: 10_000, ingresses: 5_000, certificates: 500 },
];

function defined<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('not in the grammar');
  return value;
}

function meta(name: string) {
  return { namespace: 'bench', name, uid: '', createdMs: 0 };
}

function slice(n: number, version: number): EndpointSlice {
  const endpoints = Array.from({ length: ENDPOINTS }, (_, index) => ({
    // Loopback addresses, which cannot leave the machine; nothing is sent to them.
    address: defined(
      ipAddressOf(
        `127.${String((n >> 8) & 255)}.${String(n & 255)}.${String(index + 1 + (index === 0 ? version * 20 : 0))}`,
      ),
    ),
    ready: true,
    serving: true,
    terminating: false,
    placement: NO_PLACE,
  }));
  return {
    meta: meta(`s${String(n)}-1`),
    kind: 'EndpointSlice',
    isHeadless: false,
    service: `s${String(n)}`,
    subsets: [{ ports: [{ name: '', port: 8080, protocol: 'TCP', appProtocol: undefined }], endpoints }],
  };
}

function objects(size: Size): Change[] {
  const pem = makeCertificate('bench.test', ['*.bench.test']);
  const changes: Change[] = [];
  for (let n = 0; n < size.services; n += 1) {
    const key = `bench/s${String(n)}`;
    const port = {
      name: '',
      port: 80,
      protocol: 'TCP',
      targetPort: 8080,
      appProtocol: undefined,
      nodePort: undefined,
    } as const;
    changes.push({
      table: 'services',
      key,
      value: {
        meta: meta(`s${String(n)}`),
        type: 'ClusterIP',
        ports: [port],
        externalName: undefined,
        publishedAddresses: [],
        loadBalancer: undefined,
        traffic: DEFAULT_TRAFFIC,
      },
    });
    changes.push({ table: 'endpointSlices', key: `${key}-1`, value: slice(n, 0) });
  }
  for (let n = 0; n < size.certificates; n += 1) {
    const certificate = {
      fingerprint: String(n),
      chainPem: pem.certificate,
      keyPem: new SecretText(pem.key),
      dnsNames: ['*.bench.test'],
      commonName: '',
      notBeforeMs: 0,
      notAfterMs: Infinity,
    };
    changes.push({
      table: 'secrets',
      key: `bench/c${String(n)}`,
      value: { meta: meta(`c${String(n)}`), tls: { kind: 'certificate', certificate } },
    });
  }
  const perIngress = size.services / size.ingresses;
  for (let n = 0; n < size.ingresses; n += 1) {
    const host = defined(hostnameOf(`h${String(n)}.bench.test`));
    const paths = Array.from({ length: perIngress }, (_, index) => ({
      match: { type: 'PathPrefix', value: defined(urlPathOf(`/p${String(index)}`)) } as const,
      backend: { service: `s${String(n * perIngress + index)}`, port: { number: 80 } },
      field: '',
    }));
    const tls = [{ hosts: [host], secretName: `c${String(n % size.certificates)}`, field: '' }];
    changes.push({
      table: 'ingresses',
      key: `bench/i${String(n)}`,
      value: {
        meta: meta(`i${String(n)}`),
        className: undefined,
        isClassAnnotated: false,
        defaultBackend: undefined,
        rules: [{ host, paths }],
        tls,
        policy: { ...DEFAULT_POLICY, sslRedirect: false },
      },
    });
  }
  return changes;
}

/** Start, one-endpoint changes and one-Ingress changes at one size, through compile and a real HAProxy. */
async function measure(size: Size): Promise<Row> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  const haproxy = await findHaproxy(undefined, process.env);
  const adminSocket = join(folder, 'admin.sock');
  const engine = engineSettings({ http: await freePort(), https: await freePort() });
  const plane = new L7Plane({
    paths: { haproxy, stateDirectory: folder, adminSocket },
    skeleton: () =>
      renderSkeleton(engine, {
        admin: adminSocket,
        accessLog: 'sluice-bench',
        passwords: { name: 'sluice-bench-passwords', key: 'unused' },
        asked: 'sluice-bench-asked',
      }),
    selfSignedPem: await selfSignedPem(folder),
    logger: silentLogger,
    passwords: { hold: () => undefined },
    onStart: (reason) => {
      if (reason !== 'started') throw new Error(`HAProxy was replaced: ${reason}`);
    },
    onRefused: () => {},
    keepsServing: false,
    drainMs: 1000,
  });
  const store = new Store();
  const compiler = new Compiler(STANDALONE_SETTINGS);
  const { signal } = new AbortController();
  const change = async (changes: readonly Change[]): Promise<number> => {
    const startMs = performance.now();
    store.commit(changes);
    await plane.apply(compiler.compile(store.snapshot, { nowMs: 1, node: NO_NODE_FACTS }).l7, signal);
    return performance.now() - startMs;
  };
  const all = objects(size);
  try {
    const startMs = await change(all);
    const endpoint: number[] = [];
    const ingress: number[] = [];
    for (let flip = 1; flip <= FLIPS; flip += 1) {
      const n = (flip * 7919) % size.services;
      endpoint.push(
        await change([{ table: 'endpointSlices', key: `bench/s${String(n)}-1`, value: slice(n, (flip % 8) + 1) }]),
      );
      const host = defined(hostnameOf(`new${String(flip)}.bench.test`));
      const rules = [
        {
          host,
          paths: [
            {
              match: { type: 'Exact', value: defined(urlPathOf('/')) } as const,
              backend: { service: `s${String(n)}`, port: { number: 80 } },
              field: '',
            },
          ],
        },
      ];
      ingress.push(
        await change([
          {
            table: 'ingresses',
            key: 'bench/changing',
            value: {
              meta: meta('changing'),
              className: undefined,
              isClassAnnotated: false,
              defaultBackend: undefined,
              rules,
              tls: [],
              policy: { ...DEFAULT_POLICY, sslRedirect: false },
            },
          },
        ]),
      );
    }
    return [
      size.services.toLocaleString('en'),
      size.ingresses.toLocaleString('en'),
      formatDuration(startMs),
      formatDuration(percentile(endpoint, 0.5)),
      formatDuration(percentile(endpoint, 0.99)),
      formatDuration(percentile(ingress, 0.5)),
      formatDuration(percentile(ingress, 0.99)),
    ];
  } finally {
    await plane.release();
    await rm(folder, { recursive: true, force: true });
  }
}

export const SCALE_HEADINGS = [
  'services × 10 endpoints',
  'Ingresses',
  'start',
  'endpoint p50',
  'endpoint p99',
  'Ingress p50',
  'Ingress p99',
];

/** One row per size. */
export async function scaleRows(progress: (text: string) => void): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const size of SIZES) {
    progress(`${String(size.services)} services`);
    rows.push(await measure(size));
  }
  return rows;
}
