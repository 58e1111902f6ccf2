import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Allocation, Held } from '../compile/l4/allocation.ts';
import { messageOf } from '../lib/fault.ts';
import { isRecord } from '../lib/is-record.ts';
import type { Logger } from '../lib/logger.ts';
import { PersistentMap } from '../lib/persistent-map.ts';
import { ipAddressOf, isPort, type IpAddress } from '../model/grammar.ts';

/** Keeps on disk which addresses and ports Services were given, so that a restart gives them the same. */
export class AllocationFile {
  readonly #path: string;
  readonly #logger: Logger;
  #written: Held = PersistentMap.empty();
  #wanted: Held = PersistentMap.empty();
  #writing: Promise<void> | undefined;

  constructor(stateDirectory: string, logger: Logger) {
    this.#path = join(stateDirectory, 'allocations.json');
    this.#logger = logger;
  }

  /** What was written last; nothing when there is no file, or it holds something else. */
  async read(): Promise<Held> {
    const text = await readFile(this.#path, 'utf8').catch(() => '{}');
    try {
      const found: unknown = JSON.parse(text);
      this.#written = PersistentMap.from(isRecord(found) ? Object.entries(found).flatMap(decodeEntry) : []);
      this.#wanted = this.#written;
    } catch (thrown) {
      // Addresses follow from names, so that most Services get the same again without the file.
      this.#logger.warn('cannot read what was allocated before', { path: this.#path, error: messageOf(thrown) });
    }
    return this.#written;
  }

  write(allocations: Held): void {
    this.#wanted = allocations;
    if (this.#writing === undefined && this.#wanted !== this.#written)
      this.#writing = this.#writeAll().finally(() => (this.#writing = undefined));
  }

  /** Resolves once the latest allocations are on disk, or could not be written. */
  async flush(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    while (this.#written !== this.#wanted) {
      const wanted = this.#wanted;
      const text = JSON.stringify(Object.fromEntries(wanted.sorted()), undefined, 1);
      try {
        await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
        await writeFile(`${this.#path}.tmp`, `${text}\n`, { mode: 0o600 });
        await rename(`${this.#path}.tmp`, this.#path);
        this.#written = wanted;
      } catch (thrown) {
        this.#logger.error('cannot write what was allocated', { path: this.#path, error: messageOf(thrown) });
        return; // to be tried again with the next compile
      }
    }
  }
}

function decodeEntry([key, value]: readonly [string, unknown]): readonly (readonly [string, Allocation])[] {
  if (!isRecord(value)) return [];
  const { clusterIps, loadBalancerIps, nodePorts } = value;
  const ports = isRecord(nodePorts) ? Object.entries(nodePorts) : [];
  const allocation = {
    clusterIps: decodeAddresses(clusterIps),
    loadBalancerIps: decodeAddresses(loadBalancerIps),
    nodePorts: Object.fromEntries(ports.flatMap(([name, port]) => (isPort(port) ? [[name, port] as const] : []))),
  };
  return [[key, allocation]];
}

function decodeAddresses(value: unknown): readonly IpAddress[] {
  const items: readonly unknown[] = Array.isArray(value) ? value : [];
  return items.flatMap((item) => (typeof item === 'string' ? (ipAddressOf(item) ?? []) : []));
}
