import { describe, expect, it } from 'vitest';
import { loggedRequest } from './access-log.ts';

const LINE =
  '192.0.2.1 - alice smith [01/Dec/2026:10:00:00 +0000] "GET /a?b=1 HTTP/1.1" 200 12 "-" "x \\"y\\"" 80 0.001 [shop-web-80] [] 10.0.0.1:80 12 0.001 200 abc';

describe('a line of an access log of ingress-nginx', () => {
  it('is read in the format by default', () => {
    expect(loggedRequest(LINE)).toEqual({
      method: 'GET',
      target: '/a?b=1',
      status: 200,
      upstream: 'shop-web-80',
      host: undefined,
      scheme: undefined,
    });
  });

  it.each(['[-]', '[]', '[upstream-default-backend]'])('has no upstream where it says %s', (upstream) => {
    expect(loggedRequest(LINE.replace('[shop-web-80]', upstream))?.upstream).toBe('');
  });

  it('is read from JSON, under the names that people give', () => {
    const expected = { method: 'GET', target: '/a', status: 404, upstream: '', host: 'a.test', scheme: 'https' };
    const objects = [
      { request: 'GET /a HTTP/2.0', status: 404, host: 'a.test', scheme: 'https', proxy_upstream_name: '-' },
      { method: 'GET', path: '/a', status: '404', vhost: 'a.test', x_forwarded_proto: 'https' },
    ];
    for (const object of objects) expect(loggedRequest(JSON.stringify(object))).toEqual(expected);
  });

  it.each(['', 'x', '{"status":', '{"status":200}', '[]', LINE.replace('"GET /a?b=1 HTTP/1.1"', '""')])(
    'is not read where it is another: %s',
    (line) => {
      expect(loggedRequest(line)).toBeUndefined();
    },
  );
});
