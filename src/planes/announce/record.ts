import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeDurably } from '../../lib/durable.ts';
import { isRecord } from '../../lib/is-record.ts';
import { ipAddressOf, type IpAddress } from '../../model/grammar.ts';

/** An address on an interface, and the virtual router that it was given to last. */
export interface RecordedAddress {
  readonly address: IpAddress;
  readonly interface: string;
  readonly router: string;
}

/**
 * Every address that may be bound because of us, on disk before it is: one that was taken out of the configuration while keepalived was
 * dead stays bound for ever, and only this says that it is ours to remove.
 */
export class AddressRecord {
  readonly #path: string;
  #entries: readonly RecordedAddress[] = [];

  constructor(folder: string) {
    this.#path = join(folder, 'addresses.json');
  }

  get entries(): readonly RecordedAddress[] {
    return this.#entries;
  }

  /** Reads what was written last; nothing where there is no file, or one that holds something else. */
  async read(): Promise<void> {
    const text = await readFile(this.#path, 'utf8').catch(() => '[]');
    try {
      const found: unknown = JSON.parse(text);
      this.#entries = Array.isArray(found) ? found.flatMap(decodeEntry) : [];
    } catch {
      this.#entries = [];
    }
  }

  /** @throws what the file system throws */
  async write(entries: readonly RecordedAddress[]): Promise<void> {
    await writeDurably(this.#path, `${JSON.stringify(entries)}\n`);
    this.#entries = entries;
  }
}

function decodeEntry(value: unknown): readonly RecordedAddress[] {
  if (!isRecord(value)) return [];
  const { address, interface: device, router } = value;
  const ip = typeof address === 'string' ? ipAddressOf(address) : undefined;
  const isWhole = ip !== undefined && typeof device === 'string' && typeof router === 'string';
  return isWhole ? [{ address: ip, interface: device, router }] : [];
}
