import { describe, expect, it } from 'vitest';
import { reachedBackends, recordedCases, type Case, type RawObject, type Request } from './oracle/case.ts';
import type { Ingress } from '../src/model/ingress.ts';
import { admitObject } from '../src/sources/admit/admit.ts';
import { NginxModel, type NginxAnswer } from '../src/compile/l7/nginx/answer.ts';

const PREFIX = 'nginx.ingress.kubernetes.io/';

/** Annotations of which the model says what they do. */
const MODELLED = new Set([
  'use-regex',
  'rewrite-target',
  'app-root',
  'permanent-redirect',
  'permanent-redirect-code',
  'temporal-redirect',
  'temporal-redirect-code',
  'ssl-redirect',
  'force-ssl-redirect',
]);

/** Requests of which the model says nothing, because of the request or because of the object. */
const OTHERWISE: Readonly<Record<string, string>> = {
  r008: 'a host of no label below the wildcard',
  r010: 'requests with an absolute target, with several hosts, or with none',
  r028: 'a request line with a blank in its target',
  'rewrite-01': 'a rewrite to what is no path, which is reported',
  'rewrite-04': 'a rewrite with variables of nginx, which is reported',
  'rewrite-06': 'an expression with a named group, which is reported',
  'rewrite-10': 'a request line with a blank in its target',
  'regex-04': 'a path with characters that no URL has, which is reported',
};

const PODS: Readonly<Record<string, string>> = {
  't-echo-80': 'p1',
  't-echo2-80': 'p2',
  't-canary-80': 'p8',
  't-canary2-80': 'p9',
  't2-echo-80': 'p10',
};

function ingressesOf({ objects, ordered }: Case): readonly Ingress[] {
  return objects.flatMap((raw, index): readonly Ingress[] => {
    const creationTimestamp = ordered === true ? new Date(index * 1000) : new Date(0);
    const change = admitObject({ ...raw, metadata: { namespace: 't', ...raw.metadata, creationTimestamp } })?.change;
    return change?.table === 'ingresses' && change.value !== undefined ? [change.value] : [];
  });
}

function annotationsOf({
  metadata,
}: RawObject & { readonly metadata: { readonly annotations?: object } }): readonly string[] {
  return Object.keys(metadata.annotations ?? {});
}

function isModelled(item: Case): boolean {
  if (!['path', 'regex', 'rewrite', 'conflict', 'redirect', 'host'].includes(item.topic)) return false;
  const hasConfig = Object.keys(item.configmap ?? {}).length > 0;
  return !hasConfig && item.objects.flatMap(annotationsOf).every((name) => MODELLED.has(name.replace(PREFIX, '')));
}

/** What the record says of a request, in the words of the model. */
function recorded({ observed }: Request): string {
  const [backend] = reachedBackends(observed);
  if (backend !== undefined) return `${backend.pod} ${backend.path ?? ''}`;
  const location = observed.headers?.['location'];
  return `${String(observed.status)}${location === undefined ? '' : ` ${String(location)}`}`;
}

function worded({ upstream, status, path }: NginxAnswer): string {
  if (status !== undefined) return path === '' ? String(status) : `${String(status)} ${path}`;
  return `${PODS[upstream] ?? upstream} ${path}`;
}

describe('the model of ingress-nginx and what it has answered', () => {
  const cases = recordedCases().filter((item) => isModelled(item) && !(item.id in OTHERWISE));

  it.each(cases.map((item) => [item.id, item] as const))('%s', (_, item) => {
    const model = new NginxModel(ingressesOf(item), { sslRedirect: true, policy: {} });
    const asked = item.requests.filter(({ raw, before }) => raw === undefined && before === undefined);
    const words = asked.map((request) => {
      const { host = '', path: target = '/', method = 'GET', tls = false } = request;
      const answer = model.answer({ scheme: tls ? 'https' : 'http', method, host, target, headers: {} });
      return { target: `${host}${target}`, modelled: worded(answer), recorded: recorded(request) };
    });
    expect(words.map(({ target, modelled }) => `${target}: ${modelled}`)).toEqual(
      words.map(({ target, recorded: text }) => `${target}: ${text}`),
    );
  });

  it('are compared in some dozen cases, and what is left out is there', () => {
    expect(cases.length).toBeGreaterThan(35);
    const ids = new Set(recordedCases().map(({ id }) => id));
    expect(Object.keys(OTHERWISE).filter((id) => !ids.has(id))).toEqual([]);
  });
});
