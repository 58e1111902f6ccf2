import type { ListenOptions, Server } from 'node:net';
import { Backoff, type BackoffBounds } from './backoff.ts';
import { crash } from './crash.ts';
import { messageOf } from './fault.ts';
import type { ListenAddress } from './listen-address.ts';

export interface PortListenerOptions extends ListenAddress {
  readonly server: Server;
  /** Where `::` is the wildcard of IPv6 alone: otherwise it would be that of IPv4 too, and keep another listener from it. */
  readonly ipv6Only?: boolean;
  /**
   * Whether its address may be away in passing, and is reported only when it stays so: an IPv6 address that has just come is not to be had for a
   * second or two, while the kernel looks for another that has it (RFC 4862).
   */
  readonly mayBeAway?: boolean;
  /** Called once when the port cannot be had, with why, and not again for further tries. */
  readonly onTaken: (reason: string) => void;
  /** Called when it could be had after all. */
  readonly onFreed: () => void;
  readonly retryBounds?: BackoffBounds;
}

/** How often an address may be away before that is reported. */
const FAILURES_IN_PASSING = 2;

const RETRY_BOUNDS: BackoffBounds = { minMs: 1000, maxMs: 60_000 };

/**
 * Has a server listen on a port that somebody else chose. Another program may have it, or the address may not be there, and that ends
 * without anybody telling us, so it is tried again with back-off.
 */
export class PortListener {
  readonly #options: PortListenerOptions;
  readonly #backoff: Backoff;
  #trying: Promise<void> = Promise.resolve();
  #retry: NodeJS.Timeout | undefined;
  #isTaken = false;
  #failures = 0;
  #isClosed = false;

  constructor(options: PortListenerOptions) {
    this.#options = options;
    this.#backoff = new Backoff(options.retryBounds ?? RETRY_BOUNDS);
    // One that comes once it listens is of a connection that could not be accepted, and must not end the program.
    options.server.on('error', () => undefined);
  }

  /** Begins to listen, or to wait for the port. Resolves after the first try, however it went. */
  open(): Promise<void> {
    this.#trying = this.#try();
    return this.#trying;
  }

  /** Lets go of the port. Connections that are open are for whoever made the server to end. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    const { server } = this.#options;
    if (!server.listening) await this.#trying;
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  #mayPass(thrown: unknown): boolean {
    const isAway = thrown instanceof Error && 'code' in thrown && thrown.code === 'EADDRNOTAVAIL';
    return this.#options.mayBeAway === true && isAway && this.#failures <= FAILURES_IN_PASSING;
  }

  async #try(): Promise<void> {
    const { server, port, host, ipv6Only = false, onTaken, onFreed } = this.#options;
    try {
      await listen(server, host === undefined ? { port } : { port, host, ipv6Only });
      if (this.#isTaken && !this.#isClosed) onFreed();
    } catch (thrown) {
      if (this.#isClosed) return;
      this.#failures += 1;
      if (!this.#isTaken && !this.#mayPass(thrown)) {
        this.#isTaken = true;
        onTaken(messageOf(thrown));
      }
      this.#retry = setTimeout(() => void this.open().catch(crash), this.#backoff.nextMs()).unref();
    }
  }
}

async function listen(server: Server, where: ListenOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject).once('listening', resolve).listen(where);
  try {
    await promise;
  } finally {
    server.off('error', reject).off('listening', resolve);
  }
}
