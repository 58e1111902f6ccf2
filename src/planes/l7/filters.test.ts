import { describe, expect, it } from 'vitest';
import { urlPathOf } from '../../model/grammar.ts';
import type { HttpFilter } from '../../model/http/filter.ts';
import { cookieWordOf } from '../../model/http/filter/affinity.ts';
import { realmOf } from '../../model/http/filter/basic-auth.ts';
import { urlTemplateOf } from '../../model/http/filter/external-auth.ts';
import { hostHeaderOf } from '../../model/http/filter/url-rewrite.ts';
import { headerNameOf } from '../../model/http/header.ts';
import { EVERY_PATH } from '../../model/http/match.ts';
import { replacementOf } from '../../model/http/path-rewrite.ts';
import { passwordFileIdOf } from '../../model/password-file.ts';
import { SecretText } from '../../model/secret-text.ts';
import { dataValue } from './encode-data.ts';
import { filterData } from './filters.ts';

function defined<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('the test wrote something that is not in the grammar');
  return value;
}

/** Every sign that these may have. */
const name = defined(headerNameOf("az9!#$%&'*+-.^_`|~"));
const cookie = defined(cookieWordOf("aZ9!#$%&'*+-./:^_`~"));
const template = defined(urlTemplateOf("aZ9-._~:/?#[]@!$host&'()*+,;=%7C"));
const realm = defined(realmOf('aZ9 -._~:/'));
const passwords = {
  id: defined(passwordFileIdOf('0123456789abcdef0123456789abcdef01234567')),
  text: new SecretText('ann:{PLAIN}one'),
  unusableLines: [],
};
const path = { type: 'ReplaceFullPath', value: defined(urlPathOf("/aZ9-._~!$&'()*+,;=:@%/")) } as const;
const url = defined(replacementOf("/aZ9-._~:/?@!&'()*+,;=%$1"));

const parts = { kind: 'parts', scheme: 'http', hostname: undefined, port: 80, path } as const;

/** Filters, and how many fields their value has. */
const rows: readonly (readonly [HttpFilter, number])[] = [
  [
    {
      type: 'CORS',
      origins: 'any',
      methods: ['GET'],
      headers: [name],
      exposed: [name],
      allowsCredentials: false,
      maxAgeS: 5,
    },
    6,
  ],
  [
    {
      type: 'CookieAffinity',
      name: cookie,
      path: cookie,
      domain: cookie,
      maxAgeS: 1,
      sameSite: 'Lax',
      isSecure: true,
      mark: 'c-',
      expiresS: 1,
    },
    5,
  ],
  [{ type: 'BasicAuth', realm, passwords }, 2],
  [
    {
      type: 'ExternalAuth',
      server: { namespace: 'shop', service: 'URL.2001-db8--1', port: 80 },
      connection: { version: undefined, tls: undefined },
      backend: 'shop_URL.2001-db8--1_80',
      method: 'GET',
      host: defined(hostHeaderOf('[2001:db8::1]:80')),
      path: template,
      responseHeaders: [name, name],
      signIn: template,
      requestRedirect: template,
      alwaysSetsCookie: true,
    },
    8,
  ],
  [{ type: 'URLRewrite', host: defined(hostHeaderOf('[2001:db8::1]:80')), path }, 3],
  [{ type: 'RequestRedirect', status: 301, to: parts }, 6],
  [{ type: 'RequestRedirect', status: 301, to: { kind: 'url', url } }, 6],
];

describe('the data of a filter', () => {
  it.each(rows.map(([filter, count]) => ({ type: filter.type, filter, count })))(
    'take every sign that users may write in $type, and keep their fields apart',
    ({ filter, count }) => {
      const values = filterData([filter], EVERY_PATH).map(({ value }) => dataValue(value));
      expect(values.map((value) => value.split('|').length)).toEqual([count]);
    },
  );
});
