import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger } from '../../src/lib/logger.ts';
import { ManifestSource } from '../../src/sources/manifests/manifest-source.ts';
import { Store } from '../../src/sources/store.ts';
import { formatDuration, percentile, type Row } from './report.ts';

const FLIPS = 200;

/** Some 170 characters. */
function service(name: string, port = 80): string {
  return `apiVersion: v1
kind: Service
metadata:
  name: ${name}
  namespace: default
spec:
  clusterIP: None
  ports:
  - name: http
    port: ${String(port)}
    targetPort: 8080
---
`;
}

function services(count: number): readonly string[] {
  return Array.from({ length: count }, (_, n) => service(`s${String(n)}`));
}

/** What is in the folder besides the file that keeps changing, and how many Services that is. */
interface Shape {
  readonly name: string;
  readonly services: number;
  readonly files: () => ReadonlyMap<string, string>;
}

const SHAPES: readonly Shape[] = [
  { name: 'nothing else', services: 0, files: () => new Map() },
  {
    name: '10,000 files',
    services: 10_000,
    files: () => new Map(services(10_000).map((text, n) => [`s${String(n)}.yaml`, text])),
  },
  {
    name: 'one file, 10,000 documents',
    services: 10_000,
    files: () => new Map([['all.yaml', services(10_000).join('')]]),
  },
  {
    name: 'one List of 1.3 MB',
    services: 7_000,
    files: () => {
      const items = services(7_000).map(
        (text) => `- ${text.replace('---\n', '').trimEnd().replaceAll('\n', '\n  ')}\n`,
      );
      return new Map([['list.yaml', `apiVersion: v1\nkind: List\nitems:\n${items.join('')}`]]);
    },
  },
  {
    name: 'one file of 63 MB, 70 documents',
    services: 70,
    files: () => {
      const padding = `\n  annotations: { padding: "${'x'.repeat(900_000)}" }\nspec:`;
      return new Map([
        [
          'large.yaml',
          services(70)
            .map((text) => text.replace('\nspec:', padding))
            .join(''),
        ],
      ]);
    },
  },
];

/** The longest that the main thread worked without looking at anything else, by its processor time: other processes do not count. */
class LongestTurn {
  #longestMs = 0;
  #before = process.threadCpuUsage();
  readonly #timer = setInterval(() => this.#tick(), 1);

  /** In milliseconds, since this was asked before. */
  take(): number {
    const longestMs = this.#longestMs;
    this.#longestMs = 0;
    return longestMs;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const { user, system } = process.threadCpuUsage(this.#before);
    this.#before = process.threadCpuUsage();
    this.#longestMs = Math.max(this.#longestMs, (user + system) / 1000);
  }
}

async function measure({ name, files, services: count }: Shape): Promise<Row> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-bench-folder-'));
  const live = join(directory, 'live.yaml');
  await writeFile(live, service('live', 1));
  const store = new Store();
  const source = new ManifestSource({ directory, store, logger: silentLogger });
  const stop = new AbortController();
  const delay = monitorEventLoopDelay({ resolution: 1 });
  for (const [path, text] of files()) await writeFile(join(directory, path), text);
  const turn = new LongestTurn();
  delay.enable();
  const beganMs = performance.now();
  const running = source.run(stop.signal, () => {});
  try {
    while (source.state.kind !== 'synced') await sleep(1);
    const startMs = performance.now() - beganMs;
    if (store.snapshot.services.size !== count + 1) throw new Error('not everything was read');
    const samples: number[] = [];
    for (let port = 2; port < FLIPS + 2; port += 1) {
      const changed = Promise.withResolvers<void>();
      const unsubscribe = store.subscribe(() => {
        if (store.snapshot.services.get('default/live')?.ports[0]?.port === port) changed.resolve();
      });
      const sinceMs = performance.now();
      await writeFile(live, service('live', port));
      await changed.promise;
      samples.push(performance.now() - sinceMs);
      unsubscribe();
      await sleep(20);
    }
    return [
      name,
      formatDuration(startMs),
      formatDuration(percentile(samples, 0.5)),
      formatDuration(percentile(samples, 0.99)),
      formatDuration(turn.take()),
      formatDuration(delay.max / 1e6),
    ];
  } finally {
    turn.stop();
    delay.disable();
    stop.abort();
    await running;
    await rm(directory, { recursive: true, force: true });
  }
}

export const FOLDER_HEADINGS = [
  'beside the file that changes',
  'start',
  'change p50',
  'change p99',
  'longest turn of the event loop, processor time',
  'the same, by the clock',
];

/** From the writing of a file to the object in the Store, and whether anything else had to wait meanwhile. */
export async function folderRows(progress: (text: string) => void): Promise<readonly Row[]> {
  const rows: Row[] = [];
  for (const shape of SHAPES) {
    progress(`a folder with ${shape.name}`);
    rows.push(await measure(shape));
  }
  return rows;
}
