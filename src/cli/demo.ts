import { Command } from 'commander';
import { createServer, type Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startProgram } from '../app/start.ts';
import { Fault, messageOf } from '../lib/fault.ts';
import { runOptions } from './run.ts';

/** The ports of the endpoints in examples/quickstart. */
const BACKENDS = [
  { name: 'hello-1', port: 9101 },
  { name: 'hello-2', port: 9102 },
  { name: 'admin', port: 9103 },
] as const;

/** `sluice demo`: the quick start; small backends, Sluice in front of them, and a URL to try. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('Serve the quick-start manifests with small demo backends, and print a URL to try.')
    .option('--manifests <dir>', 'serve this folder instead, with the same backends')
    .action(runDemo);
}

async function runDemo(flags: { readonly manifests?: string }): Promise<void> {
  const manifests = flags.manifests ?? fileURLToPath(new URL('../../examples/quickstart', import.meta.url));
  const stateDirectory = await mkdtemp(join(tmpdir(), 'sluice-demo-'));
  const servers = await Promise.all(BACKENDS.map(startBackend));
  process.stderr.write(
    `Demo backends answer on ports ${BACKENDS.map(({ port }) => port).join(', ')}. Starting Sluice on ${manifests} ...\n`,
  );
  const options = runOptions({
    manifests,
    httpPort: 8080,
    httpsPort: 8443,
    bindAddress: ['127.0.0.1'],
    apiAddress: '127.0.0.1:9901',
    stateDir: stateDirectory,
    watchIngressWithoutClass: false,
    sslRedirect: 'true',
    trustedProxies: [],
    http3: false,
    maxConnections: 4000,
    accessLog: true,
    logFormat: 'text',
    logLevel: 'info',
    keepServing: false,
    shutdownDelay: 0,
    drainTimeout: 5,
  });
  try {
    await startProgram(options, () => process.stdout.write(WELCOME));
  } finally {
    for (const server of servers) server.close();
    await rm(stateDirectory, { recursive: true, force: true });
  }
}

const WELCOME = `
Sluice is ready. Try, in another terminal:

  curl http://hello.localhost:8080/
  curl http://hello.localhost:8080/admin
  curl --insecure https://secure.localhost:8443/
  bin/sluice get routes

Edit the manifests and the change is live. Ctrl-C ends it.

`;

function startBackend({ name, port }: { readonly name: string; readonly port: number }): Promise<Server> {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/plain; charset=utf-8');
    response.end(
      `Hello from ${name}: ${request.method ?? ''} ${request.url ?? ''} for ${request.headers.host ?? ''}\n`,
    );
  });
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const message = `the demo needs port ${String(port)} on 127.0.0.1: ${messageOf(cause)}`;
      reject(new Fault('demo', message, { cause, retryable: false }));
    });
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
