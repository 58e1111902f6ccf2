import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import type { Ingress } from '../../model/ingress.ts';
import { FINDING_CODES } from '../../model/codes.ts';
import { admitObject } from './admit.ts';

interface Admitted {
  readonly ingress: Partial<Ingress>;
  /** `Reason field` of each Finding. */
  readonly told: readonly string[];
}

function admit(spec: string, { annotations = '{}', apiVersion = 'networking.k8s.io/v1' } = {}): Admitted {
  const text = `{ apiVersion: ${apiVersion}, kind: Ingress, metadata: { name: a, annotations: ${annotations} }, spec: ${spec} }`;
  const admission = admitObject(parse(text));
  if (admission?.change?.table !== 'ingresses') throw new Error('not admitted');
  return {
    ingress: { ...admission.change.value },
    told: admission.findings.map(({ reason, field }) => `${reason} ${field}`),
  };
}

const WEB = 'backend: { service: { name: web, port: { number: 80 } } }';
const EXPRESSION_REMEDY = 'A regular expression needs pathType ImplementationSpecific.';
const ANNOTATION_REMEDY =
  'A regular expression needs pathType ImplementationSpecific and the annotation nginx.ingress.kubernetes.io/use-regex: "true".';
const REGEX = { annotations: '{ nginx.ingress.kubernetes.io/use-regex: "true" }' };

function rule(path: string): string {
  return `{ rules: [{ host: a.test, http: { paths: [{ ${path} }] } }] }`;
}

const PATH = 'spec.rules[0].http.paths[0]';

describe('admitIngress', () => {
  it('reads everything that is served of a networking.k8s.io/v1 Ingress', () => {
    const { ingress, told } = admit(
      `{ ingressClassName: c, defaultBackend: { service: { name: d, port: { name: http } } },
         tls: [{ hosts: [A.test.], secretName: s }], ${rule(`path: /x, pathType: Exact, ${WEB}`).slice(1, -1)} }`,
      { annotations: '{ nginx.ingress.kubernetes.io/ssl-redirect: "false" }' },
    );
    expect(told).toEqual([]);
    expect(ingress).toMatchObject({
      className: 'c',
      defaultBackend: { service: 'd', port: { name: 'http' } },
      tls: [{ hosts: ['a.test'], secretName: 's', field: 'spec.tls[0]' }],
      rules: [
        {
          host: 'a.test',
          paths: [
            { match: { type: 'Exact', value: '/x' }, backend: { service: 'web', port: { number: 80 } }, field: PATH },
          ],
        },
      ],
      policy: { sslRedirect: false },
    });
  });

  it('reads the older versions, whose backends are flat and whose empty path means all paths', () => {
    const spec =
      '{ backend: { serviceName: d, servicePort: "http" }, rules: [{ http: { paths: [{ path: "", backend: { serviceName: web, servicePort: "80" } }] } }] }';
    for (const apiVersion of ['extensions/v1beta1', 'networking.k8s.io/v1beta1']) {
      const { ingress, told } = admit(spec, { apiVersion });
      expect(told).toEqual([]);
      expect(ingress.defaultBackend).toEqual({ service: 'd', port: { name: 'http' } });
      expect(ingress.rules).toMatchObject([
        {
          host: undefined,
          paths: [{ match: { type: 'PathPrefix', value: '/' }, backend: { service: 'web', port: { number: 80 } } }],
        },
      ]);
    }
  });

  it.each([
    ['Prefix', '/', 'PathPrefix', '/'],
    ['Prefix', '/a', 'PathPrefix', '/a'],
    ['Prefix', '/a/', 'PathPrefix', '/a'],
    ['Prefix', '/a///', 'PathPrefix', '/a'],
    ['Prefix', '//', 'PathPrefix', '/'],
    ['Exact', '/a/', 'Exact', '/a/'],
    ['Exact', '/a;b=c', 'Exact', '/a;b=c'],
    ['Exact', '/%20', 'Exact', '/%20'],
    ['ImplementationSpecific', '/a/', 'PathPrefix', '/a'],
  ])('reads the path type %s of %s as %s %s', (pathType, path, type, value) => {
    const { ingress, told } = admit(rule(`path: "${path}", pathType: ${pathType}, ${WEB}`));
    expect(told).toEqual([]);
    expect(ingress.rules?.[0]?.paths[0]?.match).toEqual({ type, value });
  });

  it('reads paths as regular expressions where that is asked for, but for those with a type', () => {
    const paths = ['ImplementationSpecific', 'Exact'].map((type) => `{ path: "/[a-z]+", pathType: ${type}, ${WEB} }`);
    const { ingress, told } = admit(`{ rules: [{ http: { paths: [${paths.join()}] } }] }`, REGEX);
    expect(ingress.rules?.[0]?.paths.map(({ match }) => match)).toEqual([
      { type: 'RegularExpression', value: '/[a-z]+' },
    ]);
    expect(told).toEqual(['PathInvalid spec.rules[0].http.paths[1].path']);
  });

  it.each<[string, string, string, boolean]>([
    ['no pathType that is known', `path: /, pathType: Regex, ${WEB}`, `PathTypeUnknown ${PATH}.pathType`, false],
    ['a relative path', `path: a, pathType: Exact, ${WEB}`, `PathInvalid ${PATH}.path`, false],
    ['a blank in the path', `path: "/a b", pathType: Exact, ${WEB}`, `PathInvalid ${PATH}.path`, false],
    [
      'a path of more than 4096',
      `path: /${'a'.repeat(4096)}, pathType: Exact, ${WEB}`,
      `PathInvalid ${PATH}.path`,
      false,
    ],
    ['a number as the path', `path: 5, pathType: Exact, ${WEB}`, `ObjectMalformed ${PATH}.path`, false],
    ['no backend', 'path: /', `BackendMissing ${PATH}.backend`, true],
    ['an empty backend', 'path: /, backend: {}', `BackendMissing ${PATH}.backend.service.name`, true],
    [
      'a resource',
      'path: /, backend: { resource: { kind: B, name: b } }',
      `BackendResourceUnsupported ${PATH}.backend.resource`,
      true,
    ],
    [
      'a name that is none',
      'path: /, backend: { service: { name: "a b" } }',
      `BackendMissing ${PATH}.backend.service.name`,
      true,
    ],
    ['no port', 'path: /, backend: { service: { name: a } }', `PortInvalid ${PATH}.backend.service.port.number`, true],
    [
      'port 0',
      'path: /, backend: { service: { name: a, port: { number: 0 } } }',
      `PortInvalid ${PATH}.backend.service.port.number`,
      true,
    ],
    [
      'port 65536',
      'path: /, backend: { service: { name: a, port: { number: 65536 } } }',
      `PortInvalid ${PATH}.backend.service.port.number`,
      true,
    ],
    [
      'a port name that is none',
      'path: /, backend: { service: { name: a, port: { name: "A;" } } }',
      `PortInvalid ${PATH}.backend.service.port.name`,
      true,
    ],
    [
      'an old port that is none',
      'path: /, backend: { serviceName: a, servicePort: 99999 }',
      `PortInvalid ${PATH}.backend.servicePort`,
      true,
    ],
  ])('tells of a path with %s', (_, path, finding, isKept) => {
    const { ingress, told } = admit(rule(path));
    expect(told).toEqual([finding]);
    // A path whose backend is wrong still takes its requests, and answers 503: they must not fall to another rule.
    expect(ingress.rules?.[0]?.paths).toHaveLength(isKept ? 1 : 0);
    if (isKept && !finding.startsWith('ObjectMalformed')) expect(ingress.rules?.[0]?.paths[0]?.backend).toBeUndefined();
  });

  it.each([
    ['http://a.test'],
    ['a.test:80'],
    ['a_b.test'],
    ['*'],
    ['*.*.test'],
    ['a.*.test'],
    ['a..test'],
    ['-a.test'],
    ['a;b.test'],
    ['<<.test'],
    ['a.test\\n'],
    ['é.test'],
    [`${'a'.repeat(64)}.test`],
    [`${'a.'.repeat(127)}test`],
  ])('tells of the host %s, and drops its rule alone', (host) => {
    const { ingress, told } = admit(
      `{ rules: [{ host: "${host}" }, { host: b.test }], tls: [{ hosts: ["${host}"] }] }`,
    );
    expect(told).toEqual(['HostInvalid spec.rules[0].host', 'HostInvalid spec.tls[0].hosts[0]']);
    expect(ingress.rules?.map((item) => item.host)).toEqual(['b.test']);
    // It must not turn into an entry for all hosts.
    expect(ingress.tls).toEqual([]);
  });

  it('takes an empty host, and an entry of tls without hosts, for all of them', () => {
    const { ingress, told } = admit('{ rules: [{ host: "" }], tls: [{ secretName: "" }] }');
    expect([ingress.rules, ingress.tls, told]).toEqual([
      [{ host: undefined, paths: [] }],
      [{ hosts: [], secretName: undefined, field: 'spec.tls[0]' }],
      [],
    ]);
  });

  it.each([
    ['a class as a list', '{ ingressClassName: [] }', 'ObjectMalformed spec.ingressClassName'],
    ['rules as an object', '{ rules: {} }', 'ObjectMalformed spec.rules'],
    ['tls as a number', '{ tls: 5 }', 'ObjectMalformed spec.tls'],
    ['the name of a Secret that is none', '{ tls: [{ secretName: "../x" }] }', 'NameInvalid spec.tls[0].secretName'],
    ['paths as text', '{ rules: [{ http: { paths: a } }] }', 'ObjectMalformed spec.rules[0].http.paths'],
  ])('tells of %s', (_, spec, finding) => {
    expect(admit(spec).told).toEqual([finding]);
  });

  it('tells of a regular expression that is none', () => {
    const { ingress, told } = admit(rule(`path: "/(", ${WEB}`), REGEX);
    expect([ingress.rules?.[0]?.paths, told]).toEqual([[], [`RegexInvalid ${PATH}.path`]]);
  });

  it.each([
    ['an expression that is none', 'path: "/admin(", pathType: ImplementationSpecific', '/admin+'],
    ['an unknown path type', 'path: /admin, pathType: Prefex', '/admin'],
    ['a character that no path has', 'path: "/admin panel", pathType: Prefix', '/admin()()()'],
  ])(
    'closes what an Ingress that keeps somebody out names by %s, rather than leaving it to another path',
    (_, path, cover) => {
      const closed = 'nginx.ingress.kubernetes.io/whitelist-source-range: 10.0.0.0/8';
      const { ingress } = admit(rule(`${path}, ${WEB}`), {
        annotations: `${REGEX.annotations.slice(0, -1)}, ${closed} }`,
      });
      const found = ingress.rules?.[0]?.paths.map(({ match, backend }) => ({ match, backend }));
      expect(found).toEqual([{ match: { type: 'RegularExpression', value: cover }, backend: undefined }]);
      expect(admit(rule(`${path}, ${WEB}`), REGEX).ingress.rules?.[0]?.paths).toEqual([]);
    },
  );

  it.each([
    ['"true"', true, 0],
    ['"1"', true, 0],
    ['"T"', true, 0],
    ['"False"', false, 0],
    ['"0"', false, 0],
    ['""', undefined, 0],
    ['"yes"', undefined, 1],
    ['" true"', undefined, 1],
    ['true', undefined, 1],
  ])('reads the annotation %s as %s', (text, value, findings) => {
    const { ingress, told } = admit('{}', { annotations: `{ nginx.ingress.kubernetes.io/ssl-redirect: ${text} }` });
    expect([ingress.policy?.sslRedirect, told.length]).toEqual([value, findings]);
  });

  it.each([
    ['host: Bücher.test.', '{}', 'Write it in ASCII: xn--bcher-kva.test.'],
    ['host: "*.bücher.test"', '{}', 'Write it in ASCII: *.xn--bcher-kva.test'],
    ['host: "bü;cher.test"', '{}', FINDING_CODES.HostInvalid.remedy],
    ['http: { paths: [{ path: "/v[0-9]+", pathType: Prefix }] }', REGEX.annotations, EXPRESSION_REMEDY],
    ['http: { paths: [{ path: "/v[0-9]+", pathType: Prefix }] }', '{}', ANNOTATION_REMEDY],
  ])('says what helps with %s and annotations %s', (item, annotations, remedy) => {
    const text = `{ apiVersion: networking.k8s.io/v1, kind: Ingress, metadata: { name: a, annotations: ${annotations} }, spec: { rules: [{ ${item} }] } }`;
    expect(admitObject(parse(text))?.findings.map((found) => found.remedy)).toEqual([remedy]);
  });

  it('prefers the class of the spec to that of the annotation', () => {
    const annotations = '{ kubernetes.io/ingress.class: old }';
    expect(admit('{}', { annotations }).ingress).toMatchObject({ className: 'old', isClassAnnotated: true });
    const { ingress } = admit('{ ingressClassName: new }', { annotations });
    expect(ingress).toMatchObject({ className: 'new', isClassAnnotated: false });
  });
});

describe('admitIngressClass', () => {
  it.each([
    ['{ controller: sluice.dev/ingress }', '{}', 'sluice.dev/ingress', false],
    ['{ controller: x }', '{ ingressclass.kubernetes.io/is-default-class: "true" }', 'x', true],
    ['{}', '{ ingressclass.kubernetes.io/is-default-class: "maybe" }', '', false],
  ])('reads %s with annotations %s', (spec, annotations, controller, isDefault) => {
    const text = `{ apiVersion: networking.k8s.io/v1, kind: IngressClass, metadata: { name: c, annotations: ${annotations} }, spec: ${spec} }`;
    const admission = admitObject(parse(text));
    expect(admission?.change).toMatchObject({ key: 'c', value: { controller, isDefault } });
    expect(admission?.findings.length).toBe(annotations.includes('maybe') ? 1 : 0);
  });
});
