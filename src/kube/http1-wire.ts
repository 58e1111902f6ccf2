import http, { type IncomingMessage } from 'node:http';
import https from 'node:https';
import type { Duplex } from 'node:stream';
import type { KubeConfig } from './config.ts';
import { isCutConnection } from './connection-fault.ts';
import type { Credentials } from './credentials.ts';
import { openServerSocket } from './server-socket.ts';
import { TLS_TRUST_KEYS, tlsTrust, type TlsTrust } from './tls-trust.ts';
import type { Wire, WireAnswer, WireRequest } from './wire.ts';

const agentOptions: http.AgentOptions = {
  keepAlive: true,
  keepAliveMsecs: 15_000,
  // Leave before the server does: kube-apiserver drops connections that were idle for 90 s or more.
  timeout: 60_000,
  scheduling: 'lifo',
};

/** Opens connections as HTTP/2 does: through the proxy where there is one. */
class ServerAgent extends https.Agent {
  readonly #config: KubeConfig;

  constructor(config: KubeConfig) {
    super(agentOptions);
    this.#config = config;
  }

  override createConnection(
    options: http.ClientRequestArgs & TlsTrust,
    onConnected: (error: Error | null, socket: Duplex) => void,
  ): undefined {
    openServerSocket(this.#config, trustIn(options)).then(
      (socket) => onConnected(null, socket),
      // Node's callback has no socket then, whatever its type says.
      (error: unknown) => (onConnected as (error: unknown) => void)(error),
    );
  }
}

/** What {@link tlsTrust} has put into the options of a request, without those of HTTP. */
function trustIn(options: TlsTrust): TlsTrust {
  const set = TLS_TRUST_KEYS.filter((key) => options[key] !== undefined);
  return Object.fromEntries(set.map((key) => [key, options[key]] as const));
}

/** HTTP/1.1 keep-alive connections: one for each running stream, and a few that requests share. */
export class Http1Wire implements Wire {
  readonly #config: KubeConfig;
  readonly #agent: http.Agent;

  constructor(config: KubeConfig) {
    this.#config = config;
    this.#agent = config.server.protocol === 'http:' ? new http.Agent(agentOptions) : new ServerAgent(config);
  }

  async exchange(request: WireRequest, credentials: Credentials, signal: AbortSignal): Promise<WireAnswer> {
    for (;;) {
      signal.throwIfAborted();
      const outgoing = this.#open(request, credentials);
      const onAbort = (): void => void outgoing.destroy();
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        return answerOf(await responseOf(outgoing));
      } catch (error) {
        signal.throwIfAborted();
        // A kept connection that the server closed while our request was on its way. Nothing but a
        // GET is repeated: the server may have acted on it.
        if (request.method === 'GET' && outgoing.reusedSocket && isCutConnection(error)) continue;
        throw error;
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #open({ method, url, headers, payload }: WireRequest, credentials: Credentials): http.ClientRequest {
    const options = { agent: this.#agent, method, headers };
    const outgoing =
      url.protocol === 'http:'
        ? http.request(url, options)
        : // The agent keeps connections with different certificates apart by these options.
          https.request(url, { ...options, ...tlsTrust(this.#config, credentials) });
    outgoing.end(payload);
    return outgoing;
  }
}

function responseOf(outgoing: http.ClientRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  outgoing.on('response', resolve);
  // Stays on for the life of the request: what goes wrong after the answer began is reported by the answer.
  outgoing.on('error', reject);
  return promise;
}

function answerOf(response: IncomingMessage): WireAnswer {
  // Without a listener, an error between now and the first read would be an uncaught one.
  response.on('error', () => {});
  return {
    status: response.statusCode ?? 0,
    contentType: response.headers['content-type'] ?? '',
    retryAfter: response.headers['retry-after'],
    body: response,
  };
}
