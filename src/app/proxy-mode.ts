import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { listenAddressOf } from '../lib/listen-address.ts';
import type { Logger } from '../lib/logger.ts';
import { PortListener } from '../lib/port-listener.ts';

/** What is answered, by path, as kube-proxy answers it. Network plugins and checks of clusters ask how Services are served. */
const ANSWERS: ReadonlyMap<string, string> = new Map([
  ['/proxyMode', 'nftables'],
  ['/healthz', 'ok'],
]);

/** The part of kube-proxy's metrics address that others rely on. */
export class ProxyMode {
  readonly #server = createServer((request, response) => answer(request, response));
  readonly #listener: PortListener;

  constructor(address: string, logger: Logger) {
    this.#listener = new PortListener({
      server: this.#server,
      ...listenAddressOf(address),
      onTaken: (reason) =>
        logger.info('/proxyMode is not answered yet', {
          address,
          reason,
          remedy: 'choose another with --proxy-mode-address, or "none"',
        }),
      onFreed: () => logger.info('/proxyMode is answered after all', { address }),
    });
  }

  /** Listens, or waits for whoever has the address, as kube-proxy has until it ends. */
  listen(): Promise<void> {
    return this.#listener.open();
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await this.#listener.close();
  }
}

function answer({ url = '/' }: IncomingMessage, response: ServerResponse): void {
  const text = ANSWERS.get(url.split('?', 1)[0] ?? '');
  if (text === undefined) response.writeHead(404).end();
  else
    response
      .writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' })
      .end(text);
}
