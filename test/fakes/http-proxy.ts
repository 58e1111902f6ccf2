import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { connect as connectTcp, type AddressInfo, type Socket } from 'node:net';

/** An HTTP proxy that opens tunnels (CONNECT), to the user `ann` alone where it is told so. */
export class HttpProxy {
  readonly url: URL;
  /** The server that each tunnel was asked for. */
  readonly targets: string[] = [];
  readonly #server: http.Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: http.Server, password: string | undefined) {
    this.#server = server;
    const scheme = server instanceof https.Server ? 'https' : 'http';
    // The address of a listening TCP server is never a string or null.
    this.url = new URL(`${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`);
    server.on('connection', (socket: Socket) => this.#sockets.add(socket));
    server.on('connect', ({ url = '', headers }: http.IncomingMessage, near: Socket) => {
      this.targets.push(url);
      const wanted = password === undefined ? undefined : `Basic ${Buffer.from(`ann:${password}`).toString('base64')}`;
      if (headers['proxy-authorization'] !== wanted) {
        near.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n');
        return;
      }
      const far = connectTcp(Number(url.split(':')[1]), '127.0.0.1');
      this.#sockets.add(far);
      far.on('connect', () => near.write('HTTP/1.1 200 Connection established\r\n\r\n'));
      for (const socket of [near, far]) socket.on('error', () => {});
      near.pipe(far).pipe(near);
    });
  }

  static async start({
    password,
    tls,
  }: { readonly password?: string; readonly tls?: https.ServerOptions } = {}): Promise<HttpProxy> {
    const server = tls === undefined ? http.createServer() : https.createServer(tls);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new HttpProxy(server, password);
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}
