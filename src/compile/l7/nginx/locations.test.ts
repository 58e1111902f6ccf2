import { describe, expect, it } from 'vitest';
import {
  reachedBackends,
  recordedCases,
  type Case,
  type RawObject,
  type Request,
} from '../../../../test/oracle/case.ts';
import { locate, locationsOf, type WrittenPath } from './locations.ts';

/** Of an Ingress in the record. */
interface RawIngress extends RawObject {
  readonly metadata: RawObject['metadata'] & { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: {
    readonly rules?: readonly {
      readonly host?: string;
      readonly http?: {
        readonly paths: readonly {
          readonly path?: string;
          readonly pathType: WrittenPath<string>['type'];
          readonly backend: { readonly service?: { readonly name: string } };
        }[];
      };
    }[];
  };
}

const PREFIX = 'nginx.ingress.kubernetes.io/';

/** Annotations that change nothing about which location is chosen. */
const HARMLESS = new Set(['use-regex', 'rewrite-target']);

const PODS: Readonly<Record<string, string>> = {
  't/echo': 'p1',
  't/echo2': 'p2',
  't/canary': 'p8',
  't/canary2': 'p9',
  't2/echo': 'p10',
};

function ingressesOf({ objects }: Case): readonly RawIngress[] {
  return objects.filter((object): object is RawIngress => object.kind === 'Ingress');
}

/** Cases that are about paths alone, and whose answers say which location was chosen. */
function isAboutPaths(item: Case): boolean {
  if (!['path', 'regex', 'rewrite', 'conflict'].includes(item.topic)) return false;
  return ingressesOf(item).every(({ metadata: { annotations = {}, namespace = 't' }, spec: { rules = [] } }) => {
    const names = Object.keys(annotations).map((name) => name.slice(PREFIX.length));
    const services = rules.flatMap(({ http }) => http?.paths.map(({ backend }) => backend.service?.name ?? '') ?? []);
    return names.every((name) => HARMLESS.has(name)) && services.every((service) => `${namespace}/${service}` in PODS);
  });
}

function pathsOf(item: Case, host: string): readonly WrittenPath<string>[] {
  return ingressesOf(item).flatMap(({ metadata: { annotations = {}, namespace = 't' }, spec: { rules = [] } }) =>
    rules
      .filter((rule) => rule.host === host)
      .flatMap(({ http }) => http?.paths ?? [])
      .map(({ path = '/', pathType, backend }) => ({
        path,
        type: pathType,
        usesRegex: /^(?:1|t|T|TRUE|true|True)$/.test(annotations[`${PREFIX}use-regex`] ?? ''),
        rewriteTarget: annotations[`${PREFIX}rewrite-target`] ?? '',
        value: PODS[`${namespace}/${backend.service?.name ?? ''}`] ?? '',
      })),
  );
}

/** What the record says of a request, in the words of the model. */
function recorded({ observed }: Request): string {
  const [backend] = reachedBackends(observed);
  if (observed.status === 301) return 'slash-added';
  if (observed.status === 302) return 'redirected by a rewrite';
  if (observed.status === 400) return 'refused';
  return backend?.pod ?? 'none';
}

function modelled(item: Case, { host = '', path = '/' }: Request): string {
  const located = locate(locationsOf(pathsOf(item, host)), path);
  if (located.kind !== 'location') return located.kind;
  const target = ingressesOf(item)[0]?.metadata.annotations?.[`${PREFIX}rewrite-target`] ?? '';
  return target.startsWith('http') ? 'redirected by a rewrite' : located.location.value;
}

const cases = recordedCases().filter(isAboutPaths);

/** Requests that the model of locations alone says nothing of: what is wrong with them is seen before or after. */
const OTHERWISE = new Set([
  // What is not a valid target for other reasons than its path, or not a valid rewrite.
  'rewrite-01 /x/y?z',
  'rewrite-10 /api/a b',
  'r028 /a%0d%0aX: y',
  // The backend answers 404 to a query that the rewrite has changed.
  'rewrite-03 /x/a?q=1',
]);

describe('the model of nginx and what ingress-nginx answered', () => {
  it.each(cases.map((item) => [item.id, item] as const))('%s', (_, item) => {
    const changedAt = item.requests.findIndex(({ before }) => before !== undefined);
    const unchanged = changedAt < 0 ? item.requests : item.requests.slice(0, changedAt);
    const requests = unchanged.filter(
      (request) =>
        request.raw === undefined &&
        pathsOf(item, request.host ?? '').length > 0 &&
        !OTHERWISE.has(`${item.id} ${request.path ?? ''}`),
    );
    expect(requests.map((request) => `${request.path ?? ''}: ${modelled(item, request)}`)).toEqual(
      requests.map((request) => `${request.path ?? ''}: ${recorded(request)}`),
    );
  });

  it('are compared in some dozen cases', () => {
    expect(cases.length).toBeGreaterThan(25);
  });
});
