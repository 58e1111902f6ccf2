import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { KeyPair } from '../fakes/apiserver/certificates.ts';

/** An endpoint that speaks TLS, and says how it was spoken to. */
export class TlsBackend {
  readonly name: string;
  readonly port: number;
  readonly #close: () => Promise<void>;

  private constructor(name: string, port: number, close: () => Promise<void>) {
    this.name = name;
    this.port = port;
    this.#close = close;
  }

  /** @param clientAuthority who signs certificates of clients, without which nobody is answered */
  static async start(name: string, { certificate, key }: KeyPair, clientAuthority?: string): Promise<TlsBackend> {
    const clients = clientAuthority === undefined ? {} : { ca: clientAuthority, requestCert: true };
    const options = { cert: certificate, key, allowHTTP1: true, rejectUnauthorized: true, ...clients };
    const server = createSecureServer(options, (incoming, outgoing) => {
      const socket = (incoming.httpVersion === '2.0' ? incoming.stream.session?.socket : incoming.socket) as TLSSocket;
      const headers = {
        'x-version': incoming.httpVersion,
        'x-server-name': String(socket.servername),
        'x-client': String(socket.getPeerCertificate().subject?.CN),
      };
      outgoing.setHeader('content-type', 'application/json');
      outgoing.end(JSON.stringify({ name, url: incoming.url, headers }));
    });
    server.on('sessionError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const sockets = new Set<TLSSocket>();
    server.on('secureConnection', (socket: TLSSocket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => sockets.delete(socket));
    });
    return new TlsBackend(name, (server.address() as AddressInfo).port, async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    });
  }

  stop(): Promise<void> {
    return this.#close();
  }
}
