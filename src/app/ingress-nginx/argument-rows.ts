/**
 * Every argument of the controller of ingress-nginx 1.15.1, the last release (pkg/flags/flags.go, and those of klog), and what becomes of
 * it here. The reference page is made from these rows, too.
 */

/** What becomes of an argument. */
export type Meaning =
  /** It means what a flag of ours means. */
  | {
      readonly kind: 'mapped';
      /** Ours, with its dashes. */
      readonly to: string;
      /** What ours is given; undefined: the same. An empty text: nothing has to be given. */
      readonly translate?: (value: string, others: ReadonlyMap<string, string>) => string;
      readonly note?: string;
    }
  /** Nothing has to be done for it, or nothing can be missed. */
  | { readonly kind: 'ignored'; readonly why: string }
  /** Something that matters would be missing, so that nothing is started with it. */
  | {
      readonly kind: 'refused';
      readonly why: string;
      /** What to do instead. */
      readonly instead: string;
      /** The values with which nothing is missing. */
      readonly unless?: RegExp;
    };

export interface ArgumentRow {
  /** Without its dashes. */
  readonly name: string;
  /** A switch takes a value after `=` alone. */
  readonly takes: 'value' | 'nothing';
  readonly meaning: Meaning;
}

const OFF = /^(?:0|f|F|FALSE|false|False)$/;

function value(name: string, meaning: Meaning): ArgumentRow {
  return { name, takes: 'value', meaning };
}

function toggle(name: string, meaning: Meaning): ArgumentRow {
  return { name, takes: 'nothing', meaning };
}

function same(name: string): Meaning {
  return { kind: 'mapped', to: `--${name}` };
}

/** Go takes more words for true and false than our flags do. */
function sameSwitch(name: string): Meaning {
  return { ...same(name), kind: 'mapped', to: `--${name}`, translate: booleanText };
}

function booleanText(text: string): string {
  return OFF.test(text) ? 'false' : 'true';
}

function ignored(why: string): Meaning {
  return { kind: 'ignored', why };
}

function refused(why: string, instead: string, unless?: RegExp): Meaning {
  return { kind: 'refused', why, instead, ...(unless !== undefined && { unless }) };
}

const NGINX = ignored('It tunes nginx, which is not there.');
const METRICS = ignored('Metrics of Sluice have their own names: docs/reference/metrics.md.');
const NO_WEBHOOK = ignored(
  'Sluice has no admission webhook: delete the ValidatingWebhookConfiguration of ingress-nginx before the last of its pods goes, or no Ingress can be changed.',
);
const GEO = ignored('Databases of places are not read: no variable of them is served.');
const LOG = ignored('The log of Sluice has --log-level and --log-format.');
const SHUTDOWN = ignored('HAProxy ends when its requests have, after --drain-timeout at the latest.');
const NO_CONNECTION = 'Sluice is told of the API server by a kubeconfig or a ServiceAccount alone.';

export const ARGUMENT_ROWS: readonly ArgumentRow[] = [
  // Which objects.
  value('ingress-class', same('ingress-class')),
  value('controller-class', same('controller-class')),
  toggle('ingress-class-by-name', sameSwitch('ingress-class-by-name')),
  toggle('watch-ingress-without-class', sameSwitch('watch-ingress-without-class')),
  value('watch-namespace', same('watch-namespace')),
  value('watch-namespace-selector', same('watch-namespace-selector')),
  toggle('disable-catch-all', sameSwitch('disable-catch-all')),
  toggle(
    'disable-svc-external-name',
    refused(
      'Services of type ExternalName would be served, which it keeps out.',
      'Delete these Services, or keep people from creating them by an admission policy, and leave it out.',
      OFF,
    ),
  ),
  value(
    'annotations-prefix',
    refused(
      'Annotations are read under nginx.ingress.kubernetes.io/ alone.',
      'Rename the annotations, and leave it out.',
      /^(?:nginx\.ingress\.kubernetes\.io)?$/,
    ),
  ),
  toggle('enable-annotation-validation', ignored('Values of annotations are always validated.')),
  toggle('deep-inspect', ignored('What stands in objects never reaches HAProxy as text.')),
  value('apiserver-host', refused(NO_CONNECTION, 'Give --kubeconfig FILE.', /^$/)),
  value('certificate-authority', refused(NO_CONNECTION, 'Put it into a kubeconfig.', /^$/)),
  value('kubeconfig', same('kubeconfig')),
  value('sync-period', ignored('Objects are watched; what differs from them is mended without being read again.')),
  // What they mean.
  value('configmap', same('configmap')),
  value(
    'tcp-services-configmap',
    refused(
      'Its ports would not be served.',
      'Give these Services type LoadBalancer or a node port, which Sluice serves in the kernel, and leave it out.',
      /^$/,
    ),
  ),
  value(
    'udp-services-configmap',
    refused(
      'Its ports would not be served.',
      'Give these Services type LoadBalancer or a node port, which Sluice serves in the kernel, and leave it out.',
      /^$/,
    ),
  ),
  value('default-backend-service', same('default-backend-service')),
  value('default-ssl-certificate', same('default-ssl-certificate')),
  toggle(
    'enable-ssl-passthrough',
    refused(
      'TLS is ended here for all hosts, those with the annotation ssl-passthrough too.',
      'Where no Ingress has the annotation, leave it out.',
      OFF,
    ),
  ),
  value('ssl-passthrough-proxy-port', NGINX),
  toggle(
    'enable-ssl-chain-completion',
    refused(
      'Certificates of authorities that are missing in a Secret are not fetched.',
      'Put the whole chain into the Secrets, and leave it out.',
      OFF,
    ),
  ),
  toggle('enable-topology-aware-routing', ignored('Requests go to the endpoints of all zones.')),
  // Where it listens.
  value('http-port', same('http-port')),
  value('https-port', same('https-port')),
  value('healthz-port', {
    kind: 'mapped',
    to: '--health-address',
    translate: (port, others) => `${others.get('healthz-host') ?? ''}:${port}`,
    note: 'Metrics are there as well.',
  }),
  value('healthz-host', ignored('It counts together with --healthz-port.')),
  value('health-check-path', ignored('Probes ask for /healthz and /readyz.')),
  value('health-check-timeout', ignored('What answers on /healthz needs no time.')),
  value('default-server-port', NGINX),
  value('status-port', NGINX),
  value('stream-port', NGINX),
  value('internal-logger-address', NGINX),
  // What is published.
  toggle('update-status', sameSwitch('update-status')),
  value('publish-service', same('publish-service')),
  value('publish-status-address', same('publish-status-address')),
  toggle(
    'report-node-internal-ip-address',
    ignored('Where nothing else is said, the first address of the machine is published.'),
  ),
  toggle('update-status-on-shutdown', ignored('A gateway that ends takes its own address out of the status.')),
  value('status-update-interval', ignored('Status is written when it changes.')),
  value('election-id', ignored('The Lease is one of Sluice (--lease-name), so that it can run beside the original.')),
  value('election-ttl', ignored('A leader that is gone is replaced after 15 seconds.')),
  toggle('disable-leader-election', ignored('A single replica elects itself.')),
  toggle('disable-sync-events', ignored('Sluice writes no Events of this kind.')),
  // Its end.
  value('shutdown-grace-period', { kind: 'mapped', to: '--shutdown-delay' }),
  value('post-shutdown-grace-period', SHUTDOWN),
  // The webhook.
  value('validating-webhook', NO_WEBHOOK),
  value('validating-webhook-certificate', NO_WEBHOOK),
  value('validating-webhook-key', NO_WEBHOOK),
  toggle('disable-full-test', NO_WEBHOOK),
  // Metrics, profiles, logs.
  toggle('enable-metrics', METRICS),
  toggle('metrics-per-host', METRICS),
  toggle('metrics-per-undefined-host', METRICS),
  toggle('report-status-classes', METRICS),
  value('time-buckets', METRICS),
  value('length-buckets', METRICS),
  value('size-buckets', METRICS),
  value('bucket-factor', METRICS),
  value('max-buckets', METRICS),
  value('exclude-socket-metrics', METRICS),
  value('monitor-max-batch-size', METRICS),
  toggle('profiling', ignored('There is no profiler to ask.')),
  value('profiler-port', ignored('There is no profiler to ask.')),
  value('profiler-address', ignored('There is no profiler to ask.')),
  value('sync-rate-limit', ignored('Changes take effect at once, without a reload.')),
  value('dynamic-configuration-retries', ignored('A change that HAProxy does not take is tried until it does.')),
  value('maxmind-mirror', GEO),
  value('maxmind-license-key', GEO),
  value('maxmind-edition-ids', GEO),
  value('maxmind-retries-count', GEO),
  value('maxmind-retries-timeout', GEO),
  toggle('version', refused('Nothing would be started.', '`sluice version` prints the version.', OFF)),
  value('v', LOG),
  value('vmodule', LOG),
  value('stderrthreshold', LOG),
  value('log_dir', LOG),
  value('log_file', LOG),
  value('log_file_max_size', LOG),
  value('log_backtrace_at', LOG),
  toggle('logtostderr', LOG),
  toggle('alsologtostderr', LOG),
  toggle('add_dir_header', LOG),
  toggle('skip_headers', LOG),
  toggle('skip_log_headers', LOG),
  toggle('one_output', LOG),
];
