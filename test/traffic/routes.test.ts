import type { ServerResponse } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HashBy } from '../../src/model/http/filter/hash-by.ts';
import type { Retries } from '../../src/model/http/filter/retries.ts';
import type { HttpFilter } from '../../src/model/http/filter.ts';
import { EngineWorld, type AskOptions } from './engine-world.ts';
import { Backend } from './lab.ts';
import { cidrOf, type Cidr } from '../../src/model/cidr.ts';
import { cookieWordOf, type CookieAffinity } from '../../src/model/http/filter/affinity.ts';
import {
  exact,
  expression,
  header,
  headerName,
  host,
  path,
  prefix,
  regex,
  replacement,
  routed,
  to,
  type RuleText,
} from './routed.ts';

type Request = readonly [method: string, path: string, options?: AskOptions];

/** The model of HTTP routing on a real HAProxy, whichever kind of object asks for it: rules, requests, and what clients are answered. */
describe('rules to what clients are answered', () => {
  const backends: Backend[] = [];
  let ports: ReadonlyMap<string, number>;
  let world: EngineWorld;

  beforeAll(async () => {
    world = await EngineWorld.create();
    for (const name of ['web', 'v2', 'canary']) backends.push(await Backend.start(name));
    ports = new Map(backends.map(({ name, port }) => [name, port]));
  });

  afterAll(async () => {
    await world.plane.release();
    await world.close();
    for (const backend of backends) await backend.stop();
  });

  async function serve(rules: readonly RuleText[]): Promise<void> {
    await world.plane.apply(routed('a.test', rules, ports), new AbortController().signal);
  }

  function ask([method, asked, options]: Request): Promise<string> {
    return world.ask(method, new URL(asked, 'http://a.test'), options);
  }

  async function expectAnswers(
    rules: readonly RuleText[],
    answers: readonly (readonly [Request, string])[],
  ): Promise<void> {
    await serve(rules);
    const asked: string[] = [];
    for (const [request] of answers) asked.push(await ask(request));
    expect(asked).toEqual(answers.map(([, answer]) => answer));
  }

  const web = (url: string): string => `200 by web, asked for ${url}`;
  const v2 = (url: string): string => `200 by v2, asked for ${url}`;
  const canary = (url: string): string => `200 by canary, asked for ${url}`;

  it('conditions: method, headers and query choose among the rules of a path, the most specific first', async () => {
    const isTwo = { name: headerName('version'), type: 'Exact', value: 'two' } as const;
    const isLike = { name: headerName('color'), type: 'RegularExpression', value: regex('^(?:blue|red)$') } as const;
    await expectAnswers(
      [
        { target: to('web') },
        { conditions: { headers: [isTwo] }, target: to('v2') },
        { conditions: { headers: [isTwo, isLike] }, target: to('canary') },
        { match: prefix('/p'), conditions: { method: 'POST' }, target: to('v2') },
        {
          match: prefix('/p'),
          conditions: { query: [{ name: 'a b', type: 'Exact', value: 'ä&1' }] },
          target: to('canary'),
        },
      ],
      [
        [['GET', '/'], web('/')],
        [['GET', '/', { headers: { Version: 'two' } }], v2('/')],
        [['GET', '/', { headers: { version: 'Two' } }], web('/')],
        [['GET', '/x?y', { headers: { version: 'two', color: 'red' } }], canary('/x?y')],
        [['GET', '/', { headers: { version: 'two', color: 'green' } }], v2('/')],
        // A rule of the longer path is better, whatever conditions the shorter one has; where none wants it, the shorter one's are tried.
        [['POST', '/p/1', { headers: { version: 'two', color: 'red' } }], v2('/p/1')],
        [['GET', '/p', { headers: { version: 'two' } }], v2('/p')],
        [['GET', '/p'], web('/p')],
        [['GET', '/p?x=1&a+b=%C3%A4%261&a+b=2'], canary('/p?x=1&a+b=%C3%A4%261&a+b=2')],
        [['GET', '/p?a+b=2&a+b=%C3%A4%261'], web('/p?a+b=2&a+b=%C3%A4%261')],
      ],
    );
  });

  it('conditions that nobody fulfils, and no rule without, answer 404', async () => {
    const isTwo = { name: headerName('x-two'), type: 'Exact', value: '2' } as const;
    await expectAnswers(
      [
        { match: exact('/only'), conditions: { headers: [isTwo] }, target: to('v2') },
        { match: expression('/r[0-9]'), conditions: { headers: [isTwo] }, target: to('v2') },
      ],
      [
        [['GET', '/only', { headers: { 'x-two': '2' } }], v2('/only')],
        [['GET', '/only'], '404'],
        [['GET', '/r1', { headers: { 'x-two': '2' } }], v2('/r1')],
        [['GET', '/r1'], '404'],
        [['GET', '/'], '404'],
      ],
    );
  });

  it('headers of requests and responses are removed, set and added', async () => {
    const request: HttpFilter = {
      type: 'RequestHeaderModifier',
      remove: [headerName('X-Old')],
      set: [header('X-Set', 'one "two" %[src] \\ ; ü'.replace('ü', 'u')), header('X-Empty', '')],
      add: [header('X-Add', 'b')],
    };
    const response: HttpFilter = {
      type: 'ResponseHeaderModifier',
      remove: [headerName('content-type')],
      set: [header('server', 'x'.repeat(400))],
      add: [],
    };
    const options = {
      headers: { 'x-old': '1', 'x-set': '0', 'x-add': 'a' },
      show: ['x-old', 'x-set', 'x-empty', 'x-add', 'content-type', 'server'],
    };
    await expectAnswers(
      [{ filters: [request] }, { match: exact('/r'), filters: [response] }, { match: exact('/plain') }],
      [
        [
          ['GET', '/', options],
          `${web('/')}, request x-set: one "two" %[src] \\ ; u, request x-empty: , request x-add: a, b, response content-type: application/json`,
        ],
        [
          ['GET', '/r', options],
          `${web('/r')}, request x-old: 1, request x-set: 0, request x-add: a, response server: ${'x'.repeat(400)}`,
        ],
        [
          ['GET', '/plain', options],
          `${web('/plain')}, request x-old: 1, request x-set: 0, request x-add: a, response content-type: application/json`,
        ],
      ],
    );
  });

  const rewrite = (value: Partial<HttpFilter & { readonly type: 'URLRewrite' }>): readonly HttpFilter[] => [
    { type: 'URLRewrite', host: undefined, path: undefined, ...value },
  ];
  const replacePrefix = (text: string) => ({ type: 'ReplacePrefixMatch', value: path(text) }) as const;
  const pattern = (text: string, target: string) =>
    ({
      type: 'ReplaceRegexMatch',
      pattern: regex(text),
      isCaseSensitive: false,
      replacement: replacement(target),
    }) as const;

  it('rewrites: the table of HTTPPathModifier, the full path, the host, expressions', async () => {
    await expectAnswers(
      [
        { match: prefix('/foo'), filters: rewrite({ path: replacePrefix('/xyz') }) },
        { match: prefix('/slash'), filters: rewrite({ path: replacePrefix('/xyz/') }) },
        { match: prefix('/strip'), filters: rewrite({ path: replacePrefix('/') }) },
        { match: prefix('/full'), filters: rewrite({ path: { type: 'ReplaceFullPath', value: path('/one') } }) },
        { match: prefix('/host'), filters: rewrite({ host: 'b.test:8080' as never }) },
        { match: expression('/re/(.*)'), filters: rewrite({ path: pattern('/re/([^/]*)(?:/(.*))?', '/$2/$1?k=$1') }) },
        { match: prefix('/no'), filters: rewrite({ path: pattern('/never', '/x') }) },
        { filters: rewrite({ path: replacePrefix('/root') }) },
      ],
      [
        [['GET', '/foo/bar?q=/foo'], web('/xyz/bar?q=/foo')],
        [['GET', '/foo'], web('/xyz')],
        [['GET', '/foo/'], web('/xyz/')],
        [['GET', '/slash/bar'], web('/xyz/bar')],
        [['GET', '/strip/bar'], web('/bar')],
        [['GET', '/strip'], web('/')],
        [['GET', '/full/bar?a=b'], web('/one?a=b')],
        [
          ['GET', '/host/', { show: ['host', 'x-forwarded-host'] }],
          `${web('/host/')}, request host: b.test:8080, request x-forwarded-host: a.test`,
        ],
        [['GET', '/re/A/b/c'], web('/b/c/A?k=A')],
        [['GET', '/re/A?q=1'], web('//A?k=A&q=1')],
        [['GET', '/no/x?y'], web('/no/x?y')],
        [['GET', '/bar'], web('/root/bar')],
      ],
    );
  });

  const redirect = (
    status: 301 | 302 | 303 | 307 | 308,
    parts: Partial<(HttpFilter & { readonly type: 'RequestRedirect' })['to'] & { readonly kind: 'parts' }>,
  ): readonly HttpFilter[] => [
    {
      type: 'RequestRedirect',
      status,
      to: { kind: 'parts', scheme: undefined, hostname: undefined, port: undefined, path: undefined, ...parts },
    },
  ];

  it('redirects: status, scheme, host, port and path, with the query', async () => {
    await expectAnswers(
      [
        { match: prefix('/301'), filters: redirect(301, { hostname: host('b.test') }), target: { kind: 'none' } },
        { match: prefix('/302'), filters: redirect(302, { scheme: 'https', port: 8443 }) },
        { match: prefix('/303'), filters: redirect(303, { path: { type: 'ReplaceFullPath', value: path('/new') } }) },
        { match: prefix('/307'), filters: redirect(307, { path: replacePrefix('/x') }) },
        { match: prefix('/308'), filters: redirect(308, { path: pattern('/308/(.*)', '/$1/308') }) },
        {
          match: prefix('/url'),
          filters: [
            { type: 'RequestRedirect', status: 302, to: { kind: 'url', url: replacement('ftp://x.test/?y=1') } },
          ],
        },
        {
          match: prefix('/re'),
          filters: [
            {
              type: 'RequestRedirect',
              status: 302,
              to: {
                kind: 'regex',
                pattern: regex('/re/(.*)'),
                isCaseSensitive: true,
                url: replacement('https://n.test/$1'),
              },
            },
          ],
        },
        {
          match: prefix('/q'),
          filters: [
            {
              type: 'RequestRedirect',
              status: 302,
              to: {
                kind: 'regex',
                pattern: regex('/q/(.*)'),
                isCaseSensitive: true,
                url: replacement('https://n.test/?of=$1'),
              },
            },
          ],
        },
        { match: prefix('/none'), target: { kind: 'none' } },
      ],
      [
        [['GET', '/301/x?a=b&c'], '301 to http://b.test/301/x?a=b&c'],
        [['GET', '/302'], '302 to https://a.test:8443/302'],
        [['POST', '/303/x?y'], '303 to http://a.test/new?y'],
        [['GET', '/307/x'], '307 to http://a.test/x/x'],
        [['GET', '/308/x?y'], '308 to http://a.test/x/308?y'],
        [['GET', '/url/x?z'], '302 to ftp://x.test/?y=1'],
        [['GET', '/re/x/y?z'], '302 to https://n.test/x/y?z'],
        [['GET', '/q/x?z'], '302 to https://n.test/?of=x&z'],
        [['GET', '/re'], '404'],
        [['GET', '/none'], '500'],
      ],
    );
  });

  it('weights: each share gets its part, with filters of its own, and a share that is not usable refuses its part', async () => {
    const set: HttpFilter = { type: 'RequestHeaderModifier', remove: [], set: [header('x-of', 'v2')], add: [] };
    await serve([
      {
        target: {
          kind: 'split',
          shares: [
            { weight: 50, filters: [], target: to('web') },
            { weight: 30, filters: [set], target: to('v2') },
            { weight: 0, filters: [], target: to('canary') },
            { weight: 20, filters: [], target: { kind: 'unavailable', reason: 'service-missing' } },
          ],
        },
      },
    ]);
    const counts = new Map<string, number>();
    for (let n = 0; n < 400; n += 1) {
      const answer = await ask(['GET', '/', { show: ['x-of'] }]);
      counts.set(answer, (counts.get(answer) ?? 0) + 1);
    }
    expect([...counts.keys()].sort()).toEqual([web('/'), `${v2('/')}, request x-of: v2`, '503'].sort());
    // Four standard deviations of a binomial distribution: one run in 16,000 is outside.
    expect(Math.abs((counts.get(web('/')) ?? 0) - 200)).toBeLessThan(40);
    expect(Math.abs((counts.get('503') ?? 0) - 80)).toBeLessThan(32);
  });

  it('timeouts: of each endpoint, where a route has its own', async () => {
    const timeouts: HttpFilter = { type: 'Timeouts', connectMs: 1000, serverMs: 150, tunnelMs: undefined };
    await expectAnswers(
      [{ match: prefix('/short'), filters: [timeouts] }, {}],
      [
        [['GET', '/short?delay=2000'], '504'],
        [['GET', '/short?delay=1'], web('/short?delay=1')],
        [['GET', '/?delay=500'], web('/?delay=500')],
      ],
    );
  });

  const ranges = (...texts: readonly string[]): readonly Cidr[] =>
    texts.map((text) => {
      const found = cidrOf(text);
      if (found === undefined) throw new Error(`${text} is no range`);
      return found;
    });

  it('retries: so often as a route says, also for errors of the server where it says so', async () => {
    let asked = 0;
    const failing = await Backend.start('failing');
    failing.server.removeAllListeners('request');
    failing.server.on('request', (_, outgoing: ServerResponse) => {
      asked += 1;
      outgoing.writeHead(503);
      outgoing.end();
    });
    backends.push(failing);
    const retry = (attempts: Retries['attempts'], onServerErrors: boolean): readonly HttpFilter[] => [
      { type: 'Retries', attempts, onServerErrors },
    ];
    const rules = [
      { match: prefix('/usual') },
      { match: prefix('/none'), filters: retry(0, false) },
      { match: prefix('/lost'), filters: retry(2, false) },
      { match: prefix('/errors'), filters: retry(2, true) },
    ];
    await world.plane.apply(routed('a.test', rules, new Map([['web', failing.port]])), new AbortController().signal);
    const counts: number[] = [];
    const times: readonly Request[] = [
      ['GET', '/usual'],
      ['GET', '/none'],
      ['GET', '/lost'],
      ['GET', '/errors'],
      ['POST', '/errors'],
    ];
    for (const request of times) {
      asked = 0;
      expect(await ask(request)).toBe('503');
      counts.push(asked);
    }
    expect(counts).toEqual([1, 1, 1, 3, 1]);
  });

  it('access lists: who is not let in, or is kept out, gets 403', async () => {
    const list = (allow: readonly Cidr[] | undefined, deny: readonly Cidr[] = []): readonly HttpFilter[] => [
      { type: 'AccessList', allow, deny },
    ];
    await expectAnswers(
      [
        { match: prefix('/in'), filters: list(ranges('10.0.0.0/8', '127.0.0.0/13', '::/0')) },
        { match: prefix('/out'), filters: list(ranges('10.0.0.0/8', '128.0.0.0/1', '::/0', '7f00:0001::/16')) },
        { match: prefix('/nobody'), filters: list([]) },
        { match: prefix('/everybody'), filters: list(ranges('0.0.0.0/0')) },
        { match: prefix('/denied'), filters: list(ranges('127.0.0.1/32'), ranges('127.0.0.1/32')) },
        { match: prefix('/others'), filters: list(undefined, ranges('127.0.0.2/31')) },
      ],
      [
        [['GET', '/in'], web('/in')],
        [['GET', '/out'], '403'],
        [['GET', '/nobody'], '403'],
        [['GET', '/everybody'], web('/everybody')],
        [['GET', '/denied'], '403'],
        [['GET', '/others'], web('/others')],
      ],
    );
  });

  it('limits: so many requests at once and in time, and so large a body', async () => {
    const rate = (exempt: readonly Cidr[]): HttpFilter => ({
      type: 'RateLimit',
      intervalMs: 60_000,
      burst: 2,
      bucket: exempt.length === 0 ? 'one' : 'other',
      exempt,
      status: 429,
    });
    const body: HttpFilter = { type: 'BodySize', mostBytes: 10 };
    await expectAnswers(
      [
        { match: prefix('/rate'), filters: [rate([])] },
        { match: prefix('/same'), filters: [rate([]), body] },
        { match: prefix('/exempt'), filters: [rate(ranges('127.0.0.0/8'))] },
        { match: prefix('/body'), filters: [body] },
      ],
      [
        [['GET', '/rate'], web('/rate')],
        [['GET', '/rate'], web('/rate')],
        [['GET', '/same'], web('/same')],
        [['GET', '/same'], '429'],
        [['GET', '/rate'], '429'],
        ...[1, 2, 3, 4].map((): [Request, string] => [['GET', '/exempt'], web('/exempt')]),
        [['POST', '/body', { body: '0123456789' }], web('/body')],
        [['POST', '/body', { body: '0123456789a' }], '413'],
        [['POST', '/body', { body: '0123456789', headers: { 'transfer-encoding': 'chunked' } }], web('/body')],
        [['POST', '/body', { body: '0123456789a', headers: { 'transfer-encoding': 'chunked' } }], '413'],
        [['GET', '/body'], web('/body')],
      ],
    );
  });

  it('limits: as many are let in of requests that come all at once', async () => {
    const limit: HttpFilter = {
      type: 'RateLimit',
      intervalMs: 60_000,
      burst: 2,
      bucket: 'at once',
      exempt: [],
      status: 420,
    };
    await serve([{ filters: [limit] }]);
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(['GET', '/'])));
    const statuses = answers.map((answer) => answer.slice(0, 3)).sort();
    expect(statuses).toEqual([...Array<string>(3).fill('200'), ...Array<string>(17).fill('420')]);
  });

  it('limits: so many requests of a client run at the same time', async () => {
    const limit: HttpFilter = { type: 'ConnectionLimit', most: 2, bucket: 'b', exempt: [], status: 503 };
    await serve([{ filters: [limit] }]);
    const slow = (): Promise<string> => ask(['GET', '/?delay=1500']);
    const answers = await Promise.all([slow(), slow(), slow(), slow()]);
    expect(answers.map((answer) => answer.slice(0, 3)).sort()).toEqual(['200', '200', '503', '503']);
    expect(await ask(['GET', '/'])).toBe(web('/'));
  });

  it('CORS: preflights are answered, other requests go on, and origins that may not are told nothing', async () => {
    const cors: HttpFilter = {
      type: 'CORS',
      origins: [regex(String.raw`https://ok\.test`), regex(String.raw`https://[a-z0-9-]+\.w\.test(?::8443)?`)],
      methods: ['GET', 'PUT'],
      headers: [headerName('X-One'), headerName('X-Two')],
      exposed: [headerName('X-Three')],
      allowsCredentials: true,
      maxAgeS: 5,
    };
    const any: HttpFilter = {
      ...cors,
      origins: 'any',
      methods: 'any',
      headers: 'any',
      exposed: [],
      allowsCredentials: false,
    };
    const closed: HttpFilter = { type: 'AccessList', allow: [], deny: [] };
    const show = ['origin', 'methods', 'headers', 'credentials'].map((name) => `access-control-allow-${name}`);
    const from = (origin: string): AskOptions => ({
      headers: { origin, 'access-control-request-method': 'PATCH' },
      show: [...show, 'access-control-max-age', 'access-control-expose-headers'],
    });
    const told = (origin: string): string =>
      `, response access-control-allow-origin: ${origin}, response access-control-allow-methods: GET,PUT, response access-control-allow-headers: x-one,x-two, response access-control-allow-credentials: true, response access-control-max-age: 5, response access-control-expose-headers: x-three`;
    await expectAnswers(
      [
        { filters: [cors] },
        { match: prefix('/any'), filters: [any] },
        { match: prefix('/closed'), filters: [cors, closed] },
        { match: prefix('/moved'), filters: [cors, ...redirect(302, { scheme: 'https' })] },
      ],
      [
        [['OPTIONS', '/', from('https://ok.test')], `204${told('https://ok.test')}`],
        [['GET', '/', from('https://ok.test')], `${web('/')}${told('https://ok.test')}`],
        [['GET', '/', from('https://A.w.test:8443')], `${web('/')}${told('https://A.w.test:8443')}`],
        [['OPTIONS', '/', from('https://no.test')], '204'],
        [['OPTIONS', '/', { headers: { origin: 'https://no.test' } }], web('/')],
        [['GET', '/', from('https://ok.test.evil.test')], web('/')],
        [['GET', '/', from('xhttps://ok.test')], web('/')],
        // A page must be able to read that it is refused.
        [['GET', '/closed', from('https://ok.test')], `403${told('https://ok.test')}`],
        [['OPTIONS', '/closed', from('https://ok.test')], `204${told('https://ok.test')}`],
        [
          ['OPTIONS', '/any', from('null')],
          '204, response access-control-allow-origin: *, response access-control-allow-methods: *, response access-control-allow-headers: *, response access-control-max-age: 5',
        ],
        [['OPTIONS', '/moved', from('https://ok.test')], `204${told('https://ok.test')}`],
        [['GET', '/moved', from('https://ok.test')], `302 to https://a.test/moved${told('https://ok.test')}`],
      ],
    );
  });

  it('affinity: who has a cookie stays at one endpoint, who has none is given one', async () => {
    const name = cookieWordOf('MYCK');
    const cookiePath = cookieWordOf('/x');
    if (name === undefined) throw new Error('it is a name');
    const filter: CookieAffinity = {
      type: 'CookieAffinity',
      name,
      path: cookiePath,
      domain: undefined,
      maxAgeS: 60,
      sameSite: 'Lax',
      isSecure: false,
    };
    const three = new Map<string, number | readonly number[]>([...ports, ['web', [...ports.values()]]]);
    await world.plane.apply(routed('a.test', [{ filters: [filter] }], three), new AbortController().signal);
    const first = await ask(['GET', '/', { show: ['set-cookie'] }]);
    expect(first).toMatch(
      /^200 by \w+, asked for \/, response set-cookie: MYCK=[0-9a-f-]{36}; Path=\/x; Max-Age=60; SameSite=Lax; HttpOnly$/,
    );
    const served = new Set<string>();
    for (let client = 0; client < 12; client += 1) {
      const cookie = `a=b; MYCK=client-${String(client)}; c=MYCK=x`;
      const answers = new Set<string>();
      for (let n = 0; n < 4; n += 1)
        answers.add(await ask(['GET', '/', { headers: { cookie }, show: ['set-cookie'] }]));
      expect(answers.size).toBe(1);
      const [answer = ''] = answers;
      expect(answer).not.toContain('set-cookie');
      served.add(answer);
    }
    expect(served.size).toBe(3);
  });

  it('hashes: what is alike goes to one endpoint, and what is not to any', async () => {
    const by = (key: HashBy['key']): readonly HttpFilter[] => [{ type: 'HashBy', key }];
    const three = new Map<string, number | readonly number[]>([...ports, ['web', [...ports.values()]]]);
    const rules = [
      { match: prefix('/address'), filters: by('client-address') },
      { match: prefix('/uri'), filters: by('uri') },
      { match: prefix('/header'), filters: by({ header: headerName('X-User') }) },
    ];
    await world.plane.apply(routed('a.test', rules, three), new AbortController().signal);
    const endpoints = async (requests: readonly Request[]): Promise<readonly string[]> => {
      const found: string[] = [];
      for (const request of requests) found.push((await ask(request)).replace(/,.*/, ''));
      return found;
    };
    const users = Array.from({ length: 12 }, (_, user): Request => [
      'GET',
      '/header',
      { headers: { 'x-user': `u${String(user)}` } },
    ]);
    const uris = Array.from({ length: 12 }, (_, index): Request => ['GET', `/uri?${String(index)}`]);
    for (const requests of [users, uris]) {
      const first = await endpoints(requests);
      expect(await endpoints(requests)).toEqual(first);
      expect(new Set(first).size).toBe(3);
    }
    const here = Array.from({ length: 6 }, (_, index): Request => ['GET', `/address/${String(index)}`]);
    expect(new Set(await endpoints(here)).size).toBe(1);
  });

  // The last but one: what it takes away is missing to all that follow.
  it('fails closed: without its data a route answers 503, whatever it was to do', async () => {
    const open: HttpFilter = { type: 'AccessList', allow: undefined, deny: ranges('192.0.2.0/24') };
    await serve([
      { match: prefix('/guarded'), filters: [open] },
      { match: prefix('/moved'), filters: redirect(302, { port: 8444 }) },
      { match: prefix('/either'), conditions: { method: 'DELETE' } },
      {
        match: prefix('/shares'),
        target: { kind: 'split', shares: [{ weight: 3, filters: [], target: to('web') }] },
      },
      { match: prefix('/plain') },
    ]);
    expect(await ask(['GET', '/guarded'])).toBe(web('/guarded'));
    await world.cli(...['stages', 'conditions', 'shares'].map((name) => `clear map ${name}.map`));
    const answers: string[] = [];
    for (const name of ['guarded', 'moved', 'either', 'shares']) answers.push(await ask(['GET', `/${name}`]));
    expect(answers).toEqual(['503', '503', '503', '503']);
    expect(await ask(['GET', '/plain'])).toBe(web('/plain'));
  });

  it('all without a restart of HAProxy', () => {
    expect(world.starts).toEqual(['started']);
  });
});
