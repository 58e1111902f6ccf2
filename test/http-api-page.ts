/** The reference page of the HTTP API: its texts are here, its answers are those of the API itself. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeHealthAnswer } from '../src/app/node-health.ts';
import type { BgpPeerState } from '../src/model/bgp-peer-state.ts';
import type { AddressRow, PoolRow } from '../src/observe/address-rows.ts';
import { API_PATHS, createApi, type ApiSource } from '../src/observe/api.ts';
import type { GatewayRow } from '../src/observe/gateway-rows.ts';
import type { PacketAnswer } from '../src/observe/explain.ts';
import { Metrics } from '../src/observe/metrics.ts';
import type { ServiceRow } from '../src/observe/service-rows.ts';
import type { CertificateRow, FindingRow, RouteRow } from '../src/observe/views.ts';
import { GOLDEN_NOW_MS } from './golden/compile-manifest.ts';
import { compileForNode } from './golden/kernel-plan.ts';

/** An address of the API: what it is for, and questions to it whose answers are shown. */
interface Endpoint {
  readonly text: string;
  /** Of each item of the answer, or of the answer. */
  readonly fields?: Readonly<Record<string, string>>;
  readonly examples: readonly Example[];
}

interface Example {
  readonly path: string;
  /** What to say of it, where the path does not. */
  readonly when?: string;
  readonly source?: Partial<ApiSource>;
  /** How many items are shown. */
  readonly items?: number;
}

const route: Readonly<Record<keyof RouteRow, string>> = {
  host: 'the host, `*.parent`, or `*` for any',
  match: '`Exact`, `PathPrefix` or `RegularExpression`',
  path: 'the path, or the regular expression',
  target: '`namespace/service:port`, or the status and the reason of a refusal, such as `503 service-missing`',
  readyEndpoints: 'how many endpoints get new requests',
  tls: 'whether the host has a certificate of its own',
  redirectsToHttps: 'whether plain HTTP is answered by a redirect',
  owner: '`namespace/name` of the Ingress; empty where no object made the route',
};

const gateway: Readonly<Record<keyof GatewayRow, string>> = {
  gateway: '`namespace/name`',
  listener: 'the name of a listener of it',
  kinds: 'the kinds of routes that the listener takes',
  attachedRoutes: 'how many routes are attached to it',
  served: 'whether it is served',
  problem: 'what is wrong with it, as its conditions say it; empty where nothing is',
};

const service: Readonly<Record<keyof ServiceRow, string>> = {
  service: '`namespace/name`',
  port: 'the port of the Service',
  protocol: '`TCP`, `UDP` or `SCTP`',
  addresses: 'ClusterIPs, external and load balancer addresses',
  nodePort: '0 where there is none',
  ready: 'endpoints that get new connections or requests',
  draining: 'endpoints that finish what they have',
  http: 'how routes speak to it, `http`, `h2c` or `https`; empty where no route uses it',
  kernel: '`programmed`, `pending`, or `-` where this process does not program the kernel',
};

const peer: Readonly<Record<keyof BgpPeerState, string>> = {
  peer: '`namespace/name` of the BGPPeer',
  neighbor: 'the address of the peer, or the link on which it is waited for',
  state: 'as RFC 4271 names it, such as `Established`; `Missing` where BIRD does not have the session',
  isUp: 'whether it is established',
  since: 'since when it is in this state',
  peerAs: '0 where it is not known yet',
  announced: 'how many prefixes the peer is given',
  updatesSent: 'updates of routes since BIRD has the session, withdrawals among them',
  lastError: 'why it ended last, or does not come about',
  bfd: '`up`, `down`, or `-` where BFD does not watch it',
};

const PEERS: readonly BgpPeerState[] = [
  {
    peer: 'metallb-system/router',
    neighbor: '192.0.2.1',
    state: 'Established',
    isUp: true,
    since: '2026-01-31T12:00:00+0000',
    peerAs: 64513,
    announced: 3,
    updatesSent: 7,
    lastError: '',
    bfd: 'up',
  },
];

const address: Readonly<Record<keyof AddressRow, string>> = {
  service: '`namespace/name`',
  addresses: 'one, or one of each IP family',
  pool: 'the name of the pool; `--pool` for the one of that flag',
  nodes: 'the nodes that answer for them, as far as this process knows: two where each has one of two addresses',
  since: 'since when the latest of these nodes has (RFC 3339)',
  why: 'why it is that node',
  conflict: 'who else on the network answers for one of them; empty where nobody does',
  here: 'whether this node answers for them on the local network: `yes`, `partly`, `no`, or `-` where it announces none',
};

const pool: Readonly<Record<keyof PoolRow, string>> = {
  pool: 'the name of the IPAddressPool; `--pool` for the one of that flag',
  family: '`IPv4` or `IPv6`: a pool with both has two rows',
  addresses: 'how many addresses it has, as text: an IPv6 range may have more than a number holds',
  taken: 'how many of them are taken',
};

const certificate: Readonly<Record<keyof CertificateRow, string>> = {
  secret: '`namespace/name`',
  hosts: 'hosts that get it',
  dnsNames: 'names that stand in it',
  notAfter: 'when it expires (RFC 3339)',
  fingerprint: 'SHA-256 of chain and key: another one whenever something else is served',
};

const finding: Readonly<Record<keyof FindingRow, string>> = {
  severity: '`error` or `warning`',
  code: 'never changes its meaning; see [Findings](findings.md)',
  reason: 'the code in words',
  kind: 'of the object that is wrong',
  object: '`namespace/name`',
  field: 'where in the object',
  message: 'what is wrong with it',
  remedy: 'what to do',
};

const explanation: Readonly<Record<keyof PacketAnswer, string>> = {
  client: 'what the client is to this node',
  service: 'which port of which Service is meant, and by which address; empty for none',
  announcement: 'of an address of a pool: from the pool to who answers for it, and why that node; empty for any other',
  arrivesAt: 'the nodes at which packets for such an address arrive; empty where nobody answers',
  outcome: '`endpoints`, `dropped`, `refused` or `untouched`',
  endpoints: 'where it goes, each as likely as the others; `isMasqueraded`: the endpoint sees the address of the node',
  because: 'the reasons, in the words of the objects',
};

const clusterIp = '10.96.0.10';

const ENDPOINTS: Readonly<Record<string, Endpoint>> = {
  '/livez': { text: 'The program runs. 200 as soon as it listens.', examples: [{ path: '/livez' }] },
  '/readyz': {
    text: 'Whether everything that the sources say is served: 200, or 503 with what is missing. Also 503 from SIGTERM on. A source that was read once and is away does not count: what it said last is served. A gateway that serves stays ready while HAProxy answers, also when a change does not get through: the log and `sluice_applies_total` with `result="failure"` say so.',
    examples: [
      { path: '/readyz' },
      {
        path: '/readyz',
        when: 'after a start without API server',
        source: {
          notReady: () => [
            'source cluster is stale: the API server https://10.96.0.1/ cannot be reached: the connection was refused; is the API server running, and is this its port? (ECONNREFUSED)',
          ],
        },
      },
    ],
  },
  '/metrics': { text: "Prometheus' text format 0.0.4; [Metrics](metrics.md) explains each.", examples: [] },
  '/api/v1/routes': {
    text: 'Every path of every host, by host. `sluice get routes` shows the same.',
    fields: route,
    examples: [{ path: '/api/v1/routes', items: 1 }],
  },
  '/api/v1/gateways': {
    text: 'Every listener of every Gateway, in its order. `sluice get gateways` shows the same.',
    fields: gateway,
    examples: [{ path: '/api/v1/gateways', items: 1 }],
  },
  '/api/v1/services': {
    text: 'Every port of every Service that a route uses or that the kernel serves. `sluice get services` shows the same.',
    fields: service,
    examples: [{ path: '/api/v1/services', items: 1 }],
  },
  '/api/v1/addresses': {
    text: 'Services of type LoadBalancer that have addresses from pools. `sluice get addresses` shows the same.',
    fields: address,
    examples: [{ path: '/api/v1/addresses', items: 1 }],
  },
  '/api/v1/pools': {
    text: 'Address pools, in the order in which they are asked. `sluice get pools` shows the same.',
    fields: pool,
    examples: [{ path: '/api/v1/pools', items: 1 }],
  },
  '/api/v1/peers': {
    text: 'The BGP sessions of this node, as BIRD had them within the last seconds; none without `--bgp`. `sluice get peers` shows the same.',
    fields: peer,
    examples: [{ path: '/api/v1/peers', source: { peers: () => PEERS }, items: 1 }],
  },
  '/api/v1/certificates': {
    text: 'Certificates in use, without their keys. `sluice get certificates` shows the same.',
    fields: certificate,
    examples: [{ path: '/api/v1/certificates', items: 1 }],
  },
  '/api/v1/findings': {
    text: 'What is wrong with objects. `sluice get findings` shows the same.',
    fields: finding,
    examples: [{ path: '/api/v1/findings', items: 1 }],
  },
  '/api/v1/explain?client=IP&destination=IP&port=N&protocol=TCP': {
    text: 'Where the kernel of this node sends the first packet of a connection, and why. `protocol` is `TCP` unless given. `sluice explain` shows the same. 400 for a question that is none, 409 where this process does not program the kernel.',
    fields: explanation,
    examples: [
      { path: `/api/v1/explain?client=127.0.0.1&destination=${clusterIp}&port=80` },
      { path: '/api/v1/explain?client=here', when: 'with a question that is none' },
      { path: '/api/v1/explain', when: 'without the role node', source: { programmed: () => undefined } },
    ],
  },
  '/api/v1/version': { text: 'The version of the program.', examples: [{ path: '/api/v1/version' }] },
};

/** The objects of the quick start, one of which has an address, and one of which is wrong. */
function exampleObjects(): string {
  const folder = 'examples/quickstart';
  const files = readdirSync(folder).sort();
  const texts = files.map((name) => readFileSync(join(folder, name), 'utf8'));
  const wrong = `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { namespace: demo, name: old }
spec: { rules: [{ host: old.localhost, http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: gone, port: { number: 80 } } } }] } }] }
`;
  const edge = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { namespace: demo, name: edge }
spec: { gatewayClassName: sluice, listeners: [{ name: http, port: 80, protocol: HTTP }] }
`;
  const balanced = `apiVersion: v1
kind: Service
metadata: { namespace: demo, name: balanced }
spec: { type: LoadBalancer, ports: [{ port: 80 }] }
`;
  return ['# flags: --cluster-cidr 10.244.0.0/16 --pool 192.0.2.80-192.0.2.95\n', ...texts, wrong, edge, balanced]
    .join('---\n')
    .replace('name: hello\nspec:\n', `name: hello\nspec:\n  clusterIP: ${clusterIp}\n`);
}

export async function httpApiPage(): Promise<string> {
  const plan = compileForNode(exampleObjects(), ['192.0.2.10']);
  const source: ApiSource = {
    notReady: () => [],
    plan: () => plan,
    refused: () => [],
    programmed: () => plan.l4,
    held: () => undefined,
    announcers: () => [],
    explainAddress: () => undefined,
    peers: () => undefined,
    hasLocalhostNodePorts: false,
    metrics: new Metrics(),
    version: '0.1.0',
  };
  const listed = new Set(API_PATHS.map((path) => path.split('?', 1)[0]));
  const unlisted = createApi(source).routes.filter(({ path }) => !listed.has(path));
  if (unlisted.length > 0) throw new Error(`not among the paths: ${unlisted.map(({ path }) => path).join(' ')}`);
  const sections: string[] = [];
  for (const path of API_PATHS) {
    const endpoint = ENDPOINTS[path];
    if (endpoint === undefined) throw new Error(`${path} is not documented`);
    sections.push(await section(path, endpoint, source));
  }
  const unknown = await exchange({ path: '/nowhere' }, source);
  return [
    INTRODUCTION,
    ...sections,
    `### Any other path\n\n404, with the paths that there are.\n\n${unknown}`,
    NODE,
  ].join('\n\n');
}

async function section(path: string, { text, fields, examples }: Endpoint, source: ApiSource): Promise<string> {
  const rows = Object.entries(fields ?? {}).map(([name, what]) => `| \`${name}\` | ${what} |\n`);
  const table = rows.length === 0 ? [] : [`| Field | What |\n| --- | --- |\n${rows.join('')}`];
  const shown: string[] = [];
  for (const example of examples) shown.push(await exchange(example, source));
  return [`### GET ${path}`, text, ...table, ...shown].join('\n\n');
}

/** A question and its answer. */
async function exchange({ path, when, source: other, items }: Example, source: ApiSource): Promise<string> {
  const response = await createApi({ ...source, ...other }).request(path);
  const isJson = response.headers.get('content-type')?.includes('json') === true;
  const text = await response.text();
  const answer = isJson ? JSON.stringify(firstItems(JSON.parse(text), items), undefined, 2) : text.trim();
  return `\`GET ${path}\`${when === undefined ? '' : ` ${when}`}: ${String(response.status)}\n\n${block(answer, isJson)}`;
}

function firstItems(answer: unknown, count: number | undefined): unknown {
  if (count === undefined) return answer;
  // The listings of the API have this form.
  const { items } = answer as { readonly items: readonly unknown[] };
  if (items.length < count) throw new Error('an example has nothing to show');
  return { items: items.slice(0, count) };
}

function block(text: string, isJson: boolean): string {
  return `\`\`\`${isJson ? 'json' : 'text'}\n${text}\n\`\`\``;
}

const INTRODUCTION = `# The HTTP API

What the program answers by HTTP. It only reads: nothing can be changed by it, and no key is ever in an answer. There is no TLS.

It shows the objects of all namespaces, so it listens on loopback. Elsewhere it listens only with \`--api-token-file FILE\`: then every request
for \`/api/v1/\` has to show the text of that file, of 16 characters or more, as \`Authorization: Bearer TOKEN\`, and is answered 401
otherwise. The file may be replaced at any time. \`sluice get\` and \`sluice explain\` take the same flag, and find both where they run in the
container, if they are given as \`SLUICE_API_ADDRESS\` and \`SLUICE_API_TOKEN_FILE\` in its environment.

\`/livez\`, \`/readyz\` and \`/metrics\` need no token. \`--health-address :9903\` has these three, and nothing else, for probes and Prometheus.

The answers below are those of the quick start, of lists only the first item.

## On \`--api-address\` (127.0.0.1:9901)

Answers are JSON where nothing else is said. Lists are empty until the sources have said what there is to serve.`;

function nodeExample(path: '/healthz' | '/livez', isEligible: boolean): string {
  const state = { isLive: true, isEligible, lastUpdatedMs: GOLDEN_NOW_MS, nowMs: GOLDEN_NOW_MS };
  const { status, body } = nodeHealthAnswer(path, state);
  return `: ${String(status)}\n\n${block(JSON.stringify(body, undefined, 2), true)}`;
}

const NODE = `## On \`--healthz-address\` (:10256, all addresses), with the role node

For balancers outside, in the form of kube-proxy. \`lastUpdated\` is when the kernel last had what it should have.

### GET /livez

200 while the kernel is kept up to date, 503 once it could not be for a minute.

\`GET /livez\`${nodeExample('/livez', true)}

### GET /healthz

The same, and 503 as well when the node is to leave: it is being deleted, or has the taint \`ToBeDeletedByClusterAutoscaler\`.

\`GET /healthz\`${nodeExample('/healthz', true)}

\`GET /healthz\` on a node that leaves${nodeExample('/healthz', false)}

A Service with \`healthCheckNodePort\` has a server of its own on that port of the addresses of \`--nodeport-addresses\`, which says whether this node has ready endpoints of it.

## On \`--proxy-mode-address\` (127.0.0.1:10249), with the role node

What others ask of kube-proxy at its metrics address, such as network plugins: \`GET /proxyMode\` answers \`nftables\`, and \`GET /healthz\` answers \`ok\`.
`;
