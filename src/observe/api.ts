import { serve, type ServerType } from '@hono/node-server';
import { Hono } from 'hono';
import { Fault, messageOf } from '../lib/fault.ts';
import { listenAddressOf } from '../lib/listen-address.ts';
import type { L4Plan } from '../compile/l4/l4-plan.ts';
import type { AddressAnswer } from '../compile/announce/explain-address.ts';
import type { Plan } from '../compile/plan.ts';
import type { Finding } from '../model/finding.ts';
import type { BgpPeerState } from '../model/bgp-peer-state.ts';
import { ipAddressOf, isPort, type IpAddress } from '../model/grammar.ts';
import type { L2Status } from '../model/l2-status.ts';
import { addressRows, poolRows } from './address-rows.ts';
import type { ApiToken } from './api-token.ts';
import { gatewayRows } from './gateway-rows.ts';
import type { Metrics } from './metrics.ts';
import { explainPacket, type PacketQuestion } from './explain.ts';
import { serviceRows } from './service-rows.ts';
import { certificateRows, findingRows, findingsOf, routeRows } from './views.ts';

/** What health and metrics are made from, read anew for each request. */
export interface HealthSource {
  /** Empty when the program serves what the sources say; otherwise what is still missing. */
  readonly notReady: () => readonly string[];
  readonly plan: () => Plan | undefined;
  /** What the engines refuse of the plan. */
  readonly refused: () => readonly Finding[];
  readonly metrics: Metrics;
}

/** What the API shows, read anew for each request. */
export interface ApiSource extends HealthSource {
  /** What the kernel has; undefined where this process does not program it, or has not yet. */
  readonly programmed: () => L4Plan | undefined;
  /** The addresses that this node answers for; undefined where it announces none. */
  readonly held: () => ReadonlySet<IpAddress> | undefined;
  /** Which nodes answer for addresses of a Service, as far as this process knows, the latest first. */
  readonly announcers: (service: string) => readonly L2Status[];
  /** Why an address is answered for by whom it is; undefined for one of no pool, or where this process announces none. */
  readonly explainAddress: (address: IpAddress) => AddressAnswer | undefined;
  /** The BGP sessions of this node; undefined where it has none to have. */
  readonly peers: () => readonly BgpPeerState[] | undefined;
  /** Whether TCP node ports answer on localhost, through listeners (`--localhost-nodeports`). */
  readonly hasLocalhostNodePorts: boolean;
  readonly version: string;
}

/** The paths that anybody may ask: they name no object but in the labels of metrics. */
export const HEALTH_PATHS = ['/livez', '/readyz', '/metrics'];

/** Every path there is, in the order of their reference page. */
export const API_PATHS = [
  ...HEALTH_PATHS,
  '/api/v1/routes',
  '/api/v1/gateways',
  '/api/v1/services',
  '/api/v1/addresses',
  '/api/v1/pools',
  '/api/v1/peers',
  '/api/v1/certificates',
  '/api/v1/findings',
  '/api/v1/explain?client=IP&destination=IP&port=N&protocol=TCP',
  '/api/v1/version',
];

/** Health and metrics alone, for probes and Prometheus. */
export function createHealth(source: HealthSource): Hono {
  const health = new Hono();
  addHealth(health, source);
  health.notFound((context) => context.json({ error: 'no such path', paths: HEALTH_PATHS }, 404));
  return health;
}

function addHealth(api: Hono, source: HealthSource): void {
  api.get('/livez', (context) => context.text('ok\n'));
  api.get('/readyz', (context) => {
    const reasons = source.notReady();
    return context.json({ ready: reasons.length === 0, reasons }, reasons.length === 0 ? 200 : 503);
  });
  api.get('/metrics', async (context) => {
    const plan = source.plan();
    source.metrics.findings(plan === undefined ? [] : findingsOf(plan, source.refused()));
    source.metrics.pools(plan?.pools ?? []);
    return context.text(await source.metrics.text(), 200, {
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    });
  });
}

/**
 * The HTTP API: health, metrics, and what `sluice get` shows as JSON. It only reads.
 *
 * @param token what a request has to show that is not about health; undefined: nothing
 */
export function createApi(source: ApiSource, token?: ApiToken): Hono {
  const api = new Hono();
  addHealth(api, source);
  if (token !== undefined)
    api.use('/api/*', async (context, next) => {
      if (await token.isShownBy(context.req.header('authorization'))) return next();
      const error =
        'the token of this Sluice is needed: give --api-token-file, or a header "Authorization: Bearer TOKEN"';
      return context.json({ error }, 401, { 'www-authenticate': 'Bearer' });
    });
  api.get('/api/v1/routes', (context) => context.json({ items: rows(source, routeRows) }));
  api.get('/api/v1/gateways', (context) => context.json({ items: rows(source, gatewayRows) }));
  api.get('/api/v1/services', (context) =>
    context.json({ items: rows(source, (plan) => serviceRows(plan, source.programmed())) }),
  );
  api.get('/api/v1/explain', (context) => {
    const programmed = source.programmed();
    if (programmed === undefined)
      return context.json({ error: 'this Sluice does not program the kernel, or has not yet (role node)' }, 409);
    const question = questionOf((name) => context.req.query(name));
    if (typeof question === 'string') return context.json({ error: question }, 400);
    const address = source.explainAddress(question.destination);
    return context.json(explainPacket(programmed, question, source.hasLocalhostNodePorts, address));
  });
  api.get('/api/v1/addresses', (context) =>
    context.json({
      items: rows(source, (plan) => addressRows(plan, source.held(), source.announcers, source.refused())),
    }),
  );
  api.get('/api/v1/pools', (context) => context.json({ items: rows(source, poolRows) }));
  api.get('/api/v1/peers', (context) => context.json({ items: source.peers() ?? [] }));
  api.get('/api/v1/certificates', (context) => context.json({ items: rows(source, certificateRows) }));
  api.get('/api/v1/findings', (context) =>
    context.json({ items: rows(source, (plan) => findingRows(findingsOf(plan, source.refused()))) }),
  );
  api.get('/api/v1/version', (context) => context.json({ version: source.version }));
  api.notFound((context) => context.json({ error: 'no such path', paths: API_PATHS }, 404));
  return api;
}

/** The question in a query, or what is wrong with it. */
function questionOf(query: (name: string) => string | undefined): PacketQuestion | string {
  const client = ipAddressOf(query('client') ?? '');
  const destination = ipAddressOf(query('destination') ?? '');
  const port = Number(query('port'));
  const protocol = query('protocol') ?? 'TCP';
  if (client === undefined || destination === undefined) return 'client and destination must be IP addresses';
  if (!isPort(port)) return 'port must be a number from 1 to 65535';
  if (protocol !== 'TCP' && protocol !== 'UDP' && protocol !== 'SCTP') return 'protocol must be TCP, UDP or SCTP';
  return { client, destination, port, protocol };
}

function rows<Row>(source: ApiSource, view: (plan: Plan) => readonly Row[]): readonly Row[] {
  const plan = source.plan();
  return plan === undefined ? [] : view(plan);
}

/** Where a server listens, and how to end it. */
export interface RunningServer {
  readonly close: () => Promise<void>;
}

/**
 * Serves at `HOST:PORT`, or at `:PORT` of all addresses.
 *
 * @param flag what the address was given by, for the message
 * @throws Fault `listen` when it cannot listen there
 */
export async function startServer(api: Hono, address: string, flag: string): Promise<RunningServer> {
  const { host, port } = listenAddressOf(address);
  const server = await new Promise<ServerType>((resolve, reject) => {
    const started = serve({ fetch: api.fetch, port, ...(host === undefined ? {} : { hostname: host }) }, () =>
      resolve(started),
    );
    started.once('error', (cause: Error) =>
      reject(
        new Fault('listen', `cannot listen on ${address}: ${messageOf(cause)}. Choose another with ${flag}.`, {
          cause,
          retryable: false,
        }),
      ),
    );
  });
  return {
    close: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        if ('closeAllConnections' in server) server.closeAllConnections();
      }),
  };
}
