import { createHash } from 'node:crypto';
import { mkdir, readFile, rename } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Allocation, Held } from '../compile/l4/allocation.ts';
import { writeDurably } from '../lib/durable.ts';
import { messageOf } from '../lib/fault.ts';
import { isRecord } from '../lib/is-record.ts';
import type { Logger } from '../lib/logger.ts';
import { PersistentMap } from '../lib/persistent-map.ts';
import { ipAddressOf, isPort, type IpAddress } from '../model/grammar.ts';

/**
 * Keeps on disk which addresses and ports Services were given, so that a restart gives them the same. The file vouches for itself with
 * a checksum, and the one before it is kept for when it is damaged. Without both, most Services get the same again, because addresses
 * follow from names.
 */
export class AllocationFile {
  readonly #path: string;
  readonly #logger: Logger;
  #written: Held = PersistentMap.empty();
  #wanted: Held = PersistentMap.empty();
  #writing: Promise<void> | undefined;
  /** Whether the file may take the place of the one before it. */
  #isGood = false;

  constructor(stateDirectory: string, logger: Logger) {
    this.#path = join(stateDirectory, 'allocations.json');
    this.#logger = logger;
  }

  /** What was written last; nothing when there is no file. One that is damaged is reported, and the one before it is used. */
  async read(): Promise<Held> {
    const current = await this.#tryRead(this.#path);
    this.#isGood = current !== undefined;
    this.#written = current ?? (await this.#tryRead(this.#before)) ?? PersistentMap.empty();
    this.#wanted = this.#written;
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

  get #before(): string {
    return `${this.#path}.before`;
  }

  /** Undefined when there is no such file, or it is damaged, which is reported. */
  async #tryRead(path: string): Promise<Held | undefined> {
    try {
      const found = decode(await readFile(path, 'utf8'));
      if (found !== undefined) return found;
      this.#logger.error('what was allocated before is damaged and not used', { path });
    } catch (thrown) {
      if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined;
      this.#logger.error('what was allocated before cannot be read', { path, error: messageOf(thrown) });
    }
    return undefined;
  }

  async #writeAll(): Promise<void> {
    while (this.#written !== this.#wanted) {
      const wanted = this.#wanted;
      try {
        await mkdir(dirname(this.#path), { recursive: true, mode: 0o700 });
        if (this.#isGood) await rename(this.#path, this.#before).catch(() => undefined);
        this.#isGood = false;
        await writeDurably(this.#path, encode(wanted));
        this.#isGood = true;
        this.#written = wanted;
      } catch (thrown) {
        this.#logger.error('what was allocated cannot be written', { path: this.#path, error: messageOf(thrown) });
        return; // to be tried again with the next compile
      }
    }
  }
}

function encode(held: Held): string {
  const allocations = Object.fromEntries(held.sorted());
  return `${JSON.stringify({ sha256: digestOf(allocations), allocations }, undefined, 1)}\n`;
}

/** Of what JSON makes of it: no key in it is a number, so that parsing keeps the order. */
function digestOf(allocations: unknown): string {
  return createHash('sha256').update(JSON.stringify(allocations)).digest('hex');
}

/** Undefined where the checksum is not that of the rest. Of an entry of another version, what is known is read. */
function decode(text: string): Held | undefined {
  const found = parse(text);
  if (!isRecord(found) || !isRecord(found['allocations'])) return undefined;
  const { sha256, allocations } = found;
  if (sha256 !== digestOf(allocations)) return undefined;
  return PersistentMap.from(Object.entries(found['allocations']).flatMap(decodeEntry));
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Cut off, or something else altogether.
    return undefined;
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
