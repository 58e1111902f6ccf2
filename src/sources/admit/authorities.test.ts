import { describe, expect, it } from 'vitest';
import { Authority } from '../../../test/fakes/apiserver/certificates.ts';
import { admitAuthorities } from './authorities.ts';

const [one, two] = [new Authority('one').certificate, new Authority('two').certificate];

function fingerprint(text: string): string {
  const found = admitAuthorities(text);
  if (found.kind !== 'authorities') throw new Error(found.message);
  return found.authorities.fingerprint;
}

describe('admitAuthorities', () => {
  it('takes all certificates of a bundle, each once, and nothing of what stands between them', () => {
    const found = admitAuthorities(`# one\n\n${one}\n${two}\ncomment; with "signs" << \n${one}`);
    if (found.kind !== 'authorities') throw new Error(found.message);
    expect(found.authorities.pem).toBe(`${one.trim()}\n${two.trim()}`);
  });

  it('names equal bundles alike, and others not', () => {
    expect(fingerprint(`${one}${two}`)).toBe(fingerprint(`\r\n${one}\nx\n${two}`));
    expect(fingerprint(one)).not.toBe(fingerprint(two));
  });

  it.each([
    ['nothing', undefined, 'there is no ca.crt'],
    ['no certificate', 'not a certificate', 'holds no certificate in PEM'],
    ['an empty text', '', 'holds no certificate in PEM'],
    ['what is no certificate inside', one.replace(/MII[A-Za-z0-9]/, 'AAAA'), 'cannot be read'],
    ['a certificate that is cut off', `${one}${two.slice(0, 100)}`, 'more than certificates'],
    ['a key', `${one}-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n`, 'more than certificates'],
  ])('refuses %s', (_, text, message) => {
    expect(admitAuthorities(text)).toEqual({ kind: 'broken', message: expect.stringContaining(message) });
  });
});
