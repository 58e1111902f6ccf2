import type { Server } from 'node:net';
import { crash } from './crash.ts';

const RETRY_MS = 1_000;

export interface ListenAddress {
  readonly port: number;
  /** Without it: all addresses of both families, or of IPv4 where there is no IPv6. */
  readonly host?: string;
}

/** A server on an address that another program may still have: it listens there as soon as that lets go. */
export class PatientListener {
  readonly #server: Server;
  readonly #address: ListenAddress;
  readonly #onListening: () => void;
  #retry: NodeJS.Timeout | undefined;
  #isClosed = false;

  /** @param onListening called when it listens after all, not when it does at the first try */
  constructor(server: Server, address: ListenAddress, onListening: () => void) {
    this.#server = server;
    this.#address = address;
    this.#onListening = onListening;
  }

  /** Holds after the first try. Returns why that failed; then others follow until {@link close}. */
  async listen(): Promise<Error | undefined> {
    const error = await this.#try();
    if (error !== undefined && !this.#isClosed) this.#tryLater();
    return error;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#retry);
    if (this.#server.listening) await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #tryLater(): void {
    this.#retry = setTimeout(() => {
      this.#tryAgain().catch(crash);
    }, RETRY_MS).unref();
  }

  async #tryAgain(): Promise<void> {
    const error = await this.#try();
    if (this.#isClosed) this.#server.close();
    else if (error === undefined) this.#onListening();
    else this.#tryLater();
  }

  #try(): Promise<Error | undefined> {
    return new Promise((resolve) => {
      const onListening = (): void => {
        this.#server.off('error', onError);
        resolve(undefined);
      };
      const onError = (error: Error): void => {
        this.#server.off('listening', onListening);
        resolve(error);
      };
      this.#server.once('listening', onListening);
      this.#server.once('error', onError);
      this.#server.listen(this.#address);
    });
  }
}
