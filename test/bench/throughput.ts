import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, rm, writeFile, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findHaproxy } from '../../src/app/haproxy.ts';
import { makeCertificate } from '../traffic/certificate.ts';
import { freePort, Lab } from '../traffic/lab.ts';
import { ingress, service, tlsSecret } from '../traffic/manifest.ts';
import { cpuMicroseconds, percentile, withChildren, type Row } from './report.ts';

const run = promisify(execFile);
const ROUNDS = 4;
const SECONDS = 3;
const HOST = 'bench.test';

/** A way to the backend: a name, its two ports, and its processes. */
interface Contender {
  readonly name: string;
  readonly pids: () => Promise<readonly number[]>;
  readonly httpPort: number;
  readonly httpsPort: number;
}

interface Sample {
  readonly requestsPerSecond: number;
  readonly p99Ms: number;
  /** Processor time of the contender's own processes, in microseconds. */
  readonly cpuPerRequest: number;
}

async function wrk(way: Contender, url: string, headers: readonly string[]): Promise<Sample> {
  const args = [
    '-t1',
    '-c32',
    `-d${String(SECONDS)}s`,
    '--latency',
    ...headers.flatMap((header) => ['-H', header]),
    url,
  ];
  const pids = await way.pids();
  const before = await cpuOf(pids);
  const { stdout } = await run('wrk', args);
  const cpu = (await cpuOf(pids)) - before;
  const p99 = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout);
  const scale = p99?.[2] === 'us' ? 0.001 : p99?.[2] === 's' ? 1000 : 1;
  if (stdout.includes('Non-2xx')) throw new Error(`${url} answered with errors:\n${stdout}`);
  return {
    requestsPerSecond: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)?.[1]),
    p99Ms: Number(p99?.[1]) * scale,
    cpuPerRequest: cpu / Number(/(\d+) requests in/.exec(stdout)?.[1]),
  };
}

async function cpuOf(pids: readonly number[]): Promise<number> {
  const each = await Promise.all(pids.map(cpuMicroseconds));
  return each.reduce((sum, one) => sum + one, 0);
}

/** What a hand-written haproxy.cfg has besides the least that forwards. */
interface Extras {
  readonly hasHeaders?: boolean;
  /** A line per request in HAProxy's usual format, written to standard output as containers do. */
  readonly hasLog?: boolean;
}

function haproxyConfig(
  contender: Contender,
  backendPort: number,
  pem: string,
  { hasHeaders = false, hasLog = false }: Extras,
): string {
  const forwarded = hasHeaders
    ? `    http-request set-header x-forwarded-for %[src]
    http-request set-header x-forwarded-proto http
    http-request set-header x-forwarded-host %[req.hdr(host)]
    http-request set-header x-forwarded-port ${String(contender.httpPort)}
    http-request set-header x-real-ip %[src]
    http-request set-header x-request-id %[uuid]
`
    : '';
  return `global
    maxconn 4000
    ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets
defaults
    mode http
    timeout client 60s
    timeout connect 5s
    timeout server 60s
${hasLog ? '    log stdout format raw local0\n    option httplog\n' : ''}frontend all
    bind 127.0.0.1:${String(contender.httpPort)}
    bind 127.0.0.1:${String(contender.httpsPort)} ssl crt ${pem} alpn h2,http/1.1
${forwarded}    use_backend web if { req.hdr(host) -i ${HOST} }
backend web
    server one 127.0.0.1:${String(backendPort)}
`;
}

function nginxConfig(folder: string, contender: Contender | undefined, backendPort: number, log = 'off'): string {
  const proxy =
    contender === undefined
      ? `server { listen 127.0.0.1:${String(backendPort)}; keepalive_requests 1000000; location / { return 200 "ok"; } }`
      : `upstream web { server 127.0.0.1:${String(backendPort)}; keepalive 64; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${String(contender.httpPort)};
    listen 127.0.0.1:${String(contender.httpsPort)} ssl;
    keepalive_requests 1000000;
    server_name ${HOST};
    ssl_certificate ${folder}/bench.pem; ssl_certificate_key ${folder}/bench.pem;
    ssl_session_tickets off;
    location / { proxy_pass http://web; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }
  }`;
  return `daemon off; worker_processes 2; pid ${folder}/nginx-${String(contender?.httpPort ?? backendPort)}.pid; error_log /dev/null;
events { worker_connections 4096; }
http { access_log ${log}; ${proxy} }
`;
}

/** Starts a program that serves until it is killed, and waits until its port answers. */
async function start(
  command: string,
  args: readonly string[],
  port: number,
  output?: FileHandle,
): Promise<ChildProcess> {
  // In a session of its own, as Sluice's HAProxy is: the kernel shares processors out by session (sched(7), autogroup).
  const child = spawn(command, args, { stdio: ['ignore', output?.fd ?? 'ignore', 'ignore'], detached: true });
  for (let attempt = 0; attempt < 200; attempt += 1) {
    const isUp = await fetch(`http://127.0.0.1:${String(port)}/`, { headers: { connection: 'close' } }).then(
      () => true,
      () => false,
    );
    if (isUp) return child;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${command} does not answer on port ${String(port)}`);
}

export const THROUGHPUT_HEADINGS = ['way', 'requests/s', 'ratio', 'p99', 'CPU', 'TLS connections/s', 'ratio', 'CPU'];

/** Each way measured in turn, several rounds, so that a machine whose speed drifts is fair to all; medians and ratios of them. */
export async function throughputRows(progress: (text: string) => void): Promise<readonly Row[]> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-bench-'));
  const children: ChildProcess[] = [];
  const backendPort = await freePort();
  const pem = makeCertificate(HOST, [HOST]);
  await writeFile(join(folder, 'bench.pem'), `${pem.certificate}${pem.key}`);
  const started = new Map<string, number>();
  const contender = async (name: string): Promise<Contender> => ({
    name,
    pids: () => withChildren(started.get(name) ?? 0),
    httpPort: await freePort(),
    httpsPort: await freePort(),
  });
  const haproxy = await findHaproxy(undefined, process.env);
  const startNginx = async (proxy: Contender | undefined, log?: string): Promise<void> => {
    const file = join(folder, `nginx-${String(proxy?.httpPort ?? 'web')}.conf`);
    await writeFile(file, nginxConfig(folder, proxy, backendPort, log));
    const child = await start('nginx', ['-c', file, '-p', folder], proxy?.httpPort ?? backendPort);
    children.push(child);
    if (proxy !== undefined) started.set(proxy.name, child.pid ?? 0);
  };
  const startHaproxy = async (way: Contender, extras: Extras): Promise<void> => {
    const file = join(folder, `haproxy-${String(way.httpPort)}.cfg`);
    await writeFile(file, haproxyConfig(way, backendPort, join(folder, 'bench.pem'), extras));
    const output = extras.hasLog === true ? await open(`${file}.log`, 'w') : undefined;
    const child = await start(haproxy, ['-db', '-f', file], way.httpPort, output);
    await output?.close();
    children.push(child);
    started.set(way.name, child.pid ?? 0);
  };
  const files = {
    'bench.yaml':
      service('web', [backendPort]) + tlsSecret('bench', pem) + ingress('web', HOST, { '/': 'web' }, 'bench'),
  };
  let quiet: Lab | undefined;
  let logged: Lab | undefined;
  try {
    await startNginx(undefined);
    const bare = await contender('HAProxy, minimal haproxy.cfg');
    await startHaproxy(bare, {});
    const same = await contender('HAProxy, haproxy.cfg with the same headers');
    await startHaproxy(same, { hasHeaders: true });
    const logging = await contender('HAProxy, the same headers and option httplog');
    await startHaproxy(logging, { hasHeaders: true, hasLog: true });
    const nginx = await contender('nginx, plain proxy');
    await startNginx(nginx);
    const loggingNginx = await contender('nginx, with access_log');
    await startNginx(loggingNginx, join(folder, 'nginx-access.log'));
    quiet = await Lab.create(files, ['--ssl-redirect', 'false', '--no-access-log']);
    logged = await Lab.forFolder(['--ssl-redirect', 'false']);
    // Reading the log would be work of this process, on the processors that all of them share.
    logged.accessLogFile = join(folder, 'access.log');
    for (const [name, text] of Object.entries(files)) await logged.write(name, text);
    await logged.start();
    const ways: readonly Contender[] = [
      bare,
      same,
      contenderOf('Sluice, --no-access-log', quiet),
      nginx,
      logging,
      contenderOf('Sluice, with access log and metrics', logged),
      loggingNginx,
    ];
    const http = ways.map((): Sample[] => []);
    const tls = ways.map((): Sample[] => []);
    for (let round = 1; round <= ROUNDS; round += 1) {
      progress(`round ${String(round)} of ${String(ROUNDS)}`);
      for (const [index, way] of ways.entries()) {
        http[index]?.push(await wrk(way, `http://127.0.0.1:${String(way.httpPort)}/`, [`Host: ${HOST}`]));
        tls[index]?.push(
          await wrk(way, `https://127.0.0.1:${String(way.httpsPort)}/`, [`Host: ${HOST}`, 'Connection: close']),
        );
      }
    }
    return ways.map((way, index) => rowOf(way, http[index] ?? [], tls[index] ?? [], http[0] ?? [], tls[0] ?? []));
  } finally {
    await quiet?.stop();
    await logged?.stop();
    for (const child of children) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    await rm(folder, { recursive: true, force: true });
  }
}

function contenderOf(name: string, lab: Lab): Contender {
  return { name, pids: () => lab.pids(), httpPort: lab.httpPort, httpsPort: lab.httpsPort };
}

function rowOf(
  way: Contender,
  http: readonly Sample[],
  tls: readonly Sample[],
  baseHttp: readonly Sample[],
  baseTls: readonly Sample[],
): Row {
  const median = (samples: readonly Sample[], value: (sample: Sample) => number): number =>
    percentile(samples.map(value), 0.5);
  const rate = (samples: readonly Sample[]): number => median(samples, (sample) => sample.requestsPerSecond);
  const cpu = (samples: readonly Sample[]): string =>
    `${median(samples, (sample) => sample.cpuPerRequest).toFixed(1)} µs`;
  return [
    way.name,
    Math.round(rate(http)).toLocaleString('en'),
    (rate(http) / rate(baseHttp)).toFixed(2),
    `${median(http, (sample) => sample.p99Ms).toFixed(2)} ms`,
    cpu(http),
    Math.round(rate(tls)).toLocaleString('en'),
    (rate(tls) / rate(baseTls)).toFixed(2),
    cpu(tls),
  ];
}
