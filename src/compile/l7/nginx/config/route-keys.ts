import type { RedirectStatus } from '../../../../model/http/filter/request-redirect.ts';
import { REDIRECT_STATUSES } from '../../../../model/http/filter/request-redirect.ts';
import { headerNameOf } from '../../../../model/http/header.ts';
import type { IngressPolicy } from '../../../../model/ingress.ts';
import {
  closing,
  count,
  duration,
  flag,
  honoured,
  rangesOf,
  refused,
  size,
  wordsOf,
  type ConfigChange,
  type ConfigKeyRow,
  type ConfigValue,
} from './row.ts';

/** What holds for every Ingress unless its annotations say otherwise, and what its annotations may say. */
export const ROUTE_KEYS: readonly ConfigKeyRow[] = [
  // Who may come. What cannot be read of a list that keeps people out keeps everybody out.
  honoured('whitelist-source-range', 'Only clients in these ranges, unless an Ingress has a list of its own.', allowed),
  honoured('denylist-source-range', 'No clients in these ranges, unless an Ingress has a list of its own.', denied),
  // Redirects.
  honoured(
    'ssl-redirect',
    'Whether HTTP is redirected to HTTPS on hosts with TLS.',
    flag((isOn) => policy({ sslRedirect: isOn })),
  ),
  honoured(
    'force-ssl-redirect',
    'Redirects HTTP to HTTPS on hosts without TLS, too.',
    flag((isOn) => policy({ isSslRedirectForced: isOn })),
  ),
  honoured('http-redirect-code', 'The status of redirects to HTTPS.', redirectStatus),
  honoured(
    'no-tls-redirect-locations',
    'Paths, between commas, that are not redirected to HTTPS.',
    (value): ConfigChange => policy({ plainPaths: wordsOf(value) }),
  ),
  // Sizes and times.
  honoured(
    'proxy-body-size',
    'The largest request body; 0 for any.',
    size((bytes) => policy({ bodySizeBytes: bytes === 0 ? 'unlimited' : bytes })),
  ),
  honoured(
    'proxy-connect-timeout',
    'How long a connection to the backend may take.',
    duration((ms) => policy({ connectTimeoutMs: ms })),
  ),
  honoured(
    'proxy-read-timeout',
    'How long the backend may send nothing.',
    duration((ms) => policy({ readTimeoutMs: ms })),
  ),
  honoured(
    'proxy-send-timeout',
    'How long the backend may take nothing.',
    duration((ms) => policy({ sendTimeoutMs: ms })),
  ),
  honoured(
    'limit-req-status-code',
    'The status for requests beyond `limit-rps` and `limit-rpm`.',
    count(400, 599, (status) => policy({ rateLimitStatus: status })),
  ),
  honoured(
    'limit-conn-status-code',
    'The status for requests beyond `limit-connections`.',
    count(400, 599, (status) => policy({ connectionLimitStatus: status })),
  ),
  refused(
    'limit-conn-zone-variable',
    'Connections are counted by the address of the client.',
    /^\$?binary_remote_addr$/,
  ),
  refused('limit-rate', 'Bytes per second of an answer.'),
  refused('limit-rate-after', 'Bytes of an answer that `limit-rate` does not count.'),
  // What annotations may say.
  honoured('global-allowed-response-headers', 'Headers that `custom-headers` may set.', (value) => ({
    allowedResponseHeaders: new Set(wordsOf(value).flatMap((word) => headerNameOf(word) ?? [])),
  })),
  refused('allow-snippet-annotations', 'Configuration of nginx as text: never taken over.'),
  refused(
    'annotations-risk-level',
    'Annotations are read whatever their risk; none of them becomes configuration as text.',
    /^(?:|High|Critical)$/,
  ),
  refused(
    'annotation-value-word-blocklist',
    'Annotations are read whatever words they have; none of them becomes configuration as text.',
    /^$/,
  ),
  refused('allow-cross-namespace-resources', 'Annotations may not name Secrets of other namespaces.'),
  honoured(
    'strict-validate-path-type',
    'Paths are read as the Ingress API and `--compat` say, whatever this says.',
    flag(() => ({})),
  ),
  // Headers in ConfigMaps of their own.
  honoured('add-headers', 'The ConfigMap, `namespace/name`, with headers for every answer.', (value) =>
    reference(value, 'addHeaders'),
  ),
  honoured('proxy-set-headers', 'The ConfigMap, `namespace/name`, with headers for backends.', (value) =>
    reference(value, 'proxySetHeaders'),
  ),
  // Authentication of everybody. Until it is done, nobody is let in.
  closing('global-auth-url', 'Asks another server whether a request is let in, for every Ingress.', /^$/),
];

function policy(change: Partial<IngressPolicy>): ConfigChange {
  return { policy: change };
}

function allowed(value: ConfigValue): ConfigChange {
  const { ranges, others } = rangesOf(value.text);
  if (others.length > 0) return closed(value);
  return ranges.length === 0 ? {} : policy({ allowedSources: ranges });
}

function denied(value: ConfigValue): ConfigChange {
  const { ranges, others } = rangesOf(value.text);
  if (others.length > 0) return closed(value);
  return ranges.length === 0 ? {} : policy({ deniedSources: ranges });
}

function closed(value: ConfigValue): ConfigChange {
  value.report(
    'has something else than addresses and ranges between commas, so that every path of every Ingress answers 503',
  );
  return { isClosed: true };
}

function redirectStatus(value: ConfigValue): ConfigChange {
  const status: RedirectStatus | undefined = REDIRECT_STATUSES.find((known) => String(known) === value.text);
  if (status !== undefined) return { engine: { httpsRedirectStatus: status } };
  value.report('is no status of a redirect; 308 is used');
  return {};
}

function reference(value: ConfigValue, name: 'addHeaders' | 'proxySetHeaders'): ConfigChange {
  if (/^[a-z0-9-]{1,63}\/[a-z0-9.-]{1,253}$/.test(value.text)) return { [name]: value.text };
  value.report('is not the namespace and name of a ConfigMap, with a slash between them; it has no effect');
  return {};
}
