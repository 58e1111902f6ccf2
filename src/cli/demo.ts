import { Command } from 'commander';
import { createServer, type Server } from 'node:http';
import { fileURLToPath } from 'node:url';
import { lstat, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endOnceWritten } from '../app/ending.ts';
import { optional } from '../app/flags/flag.ts';
import { textOf } from '../app/flags/readers.ts';
import type { NodeOptions } from '../app/options.ts';
import { runOptionsOf } from '../app/run-options.ts';
import { crash } from '../lib/crash.ts';
import { Fault, messageOf } from '../lib/fault.ts';
import type { ServiceRow } from '../observe/service-rows.ts';
import { askApi } from './api.ts';
import { flagValues, parseRunFlags, withFlags } from './flag-options.ts';

/** The ports of the endpoints in examples/quickstart. */
const BACKENDS = [
  { name: 'hello-1', port: 9101 },
  { name: 'hello-2', port: 9102 },
  { name: 'admin', port: 9103 },
] as const;

/** What `sluice run` is given for a demonstration. */
const FLAGS =
  // The ClusterIPs are loopback addresses, which cannot leave the machine.
  '--service-cluster-ip-range 127.96.0.0/16 --bind-address 127.0.0.1 --healthz-address none --proxy-mode-address none --log-format text --drain-timeout 5';

const DEMO_FLAGS = {
  manifests: optional({
    flag: '--manifests <dir>',
    help: 'serve this folder instead, with the same backends',
    read: textOf,
  }),
};

/** `sluice demo`: the quick start; small backends, Sluice in front of them, and a URL to try. */
export function demoCommand(): Command {
  return withFlags(new Command('demo'), DEMO_FLAGS).action((_: unknown, command: Command) =>
    runDemo(flagValues(command, DEMO_FLAGS, {}).manifests ?? QUICKSTART),
  );
}

const QUICKSTART = fileURLToPath(new URL('../../examples/quickstart', import.meta.url));

async function runDemo(manifests: string): Promise<void> {
  const { startProgram } = await import('../app/start.ts');
  const servers = await Promise.all(BACKENDS.map(startBackend));
  const stateDirectory = await demoDirectory();
  process.stderr.write(
    `Demo backends answer on ports ${BACKENDS.map(({ port }) => port).join(', ')}. Starting Sluice on ${manifests} ...\n`,
  );
  const options = runOptionsOf(
    parseRunFlags([...FLAGS.split(' '), '--manifests', manifests, '--state-dir', stateDirectory]),
  );
  try {
    await startProgram(options, () => {
      welcome(options.apiAddress).catch(crash);
    });
  } finally {
    for (const server of servers) server.close();
    // A demonstration leaves nothing behind, not even what keeps serving over a restart.
    if (options.roles.has('node')) await removeOurTables(options.node);
    await rm(stateDirectory, { recursive: true, force: true });
    endOnceWritten();
  }
}

async function removeOurTables(options: NodeOptions): Promise<void> {
  const { whyNoNode } = await import('../app/node-possible.ts');
  const { removeKernelTables } = await import('../app/uninstall.ts');
  if ((await whyNoNode(options)) === undefined) await removeKernelTables();
}

/**
 * One folder per user, so that a demonstration which was killed is taken over by the next, HAProxy
 * included. Another user could have made a folder of that name before us: then one that nobody knows.
 */
async function demoDirectory(): Promise<string> {
  const folder = join(tmpdir(), `sluice-demo-${String(process.getuid?.() ?? '')}`);
  await mkdir(folder, { recursive: true, mode: 0o700 }).catch(() => {});
  const found = await lstat(folder).catch(() => undefined);
  const isOurs = found?.isDirectory() === true && found.uid === process.getuid?.() && (found.mode & 0o077) === 0;
  return isOurs ? folder : mkdtemp(`${folder}-`);
}

/** The port that other programs of the quick start go to through the kernel. */
const KERNEL_EXAMPLE = 'demo/hello';

async function welcome(apiAddress: string): Promise<void> {
  const { items } = await askApi({ apiAddress, apiTokenFile: undefined }, '/api/v1/services');
  // The rows come from the API of this very program.
  const row = (items as readonly ServiceRow[]).find(({ service }) => service === KERNEL_EXAMPLE);
  const [clusterIp] = row?.kernel === 'programmed' ? row.addresses : [];
  const kernel =
    clusterIp === undefined
      ? ''
      : `  curl http://${clusterIp}/          by its ClusterIP, through the kernel\n  bin/sluice explain 127.0.0.1 ${clusterIp}:80\n`;
  process.stdout.write(`
Sluice is ready. Try, in another terminal:

  curl http://hello.localhost:8080/
  curl http://hello.localhost:8080/admin
  curl --insecure https://secure.localhost:8443/
${kernel}  bin/sluice get services
  bin/sluice get routes

Edit the manifests and the change is live. Ctrl-C ends it.

`);
}

function startBackend({ name, port }: { readonly name: string; readonly port: number }): Promise<Server> {
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'text/plain; charset=utf-8');
    response.end(
      `Hello from ${name}: ${request.method ?? ''} ${request.url ?? ''} for ${request.headers.host ?? ''}\n`,
    );
  });
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const message = `the demo needs port ${String(port)} on 127.0.0.1: ${messageOf(cause)}. Does another demo run?`;
      reject(new Fault('demo', message, { cause, retryable: false }));
    });
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
}
