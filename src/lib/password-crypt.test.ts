import { describe, expect, it } from 'vitest';
import { md5Crypt } from './md5-crypt.ts';
import { shaCrypt } from './sha-crypt.ts';

/** From `openssl passwd`, and from the specification of SHA-crypt. */
describe('password hashes of crypt(3)', () => {
  it.each([
    ['$1$', 'bar', 'abcdefgh', '$1$abcdefgh$X4AQOXsoYNpzaat9Hm7iC/'],
    ['$apr1$', 'bar', 'abcdefgh', '$apr1$abcdefgh$bGLO42WqKpmLoPH9uGWTg1'],
    ['$1$', '0123456789abcdef0', 'ab', '$1$ab$OjK3U3awB8PLmyLCpnrP80'],
    ['$1$', 'üüüüüüüüüüüüüüüüüüüü', 'saltsalt', '$1$saltsalt$KocCUhnvGOx.Idm/9klji1'],
    ['$apr1$', '0123456789abcdef0', 'ab', '$apr1$ab$R04KWmvhs2N2gtK2a0D8Z/'],
    ['$apr1$', 'üüüüüüüüüüüüüüüüüüüü', 'saltsalt', '$apr1$saltsalt$SE0/yyYoef43u3dyQjEHp.'],
  ] as const)('MD5 %s of "%s" with salt %s', (magic, password, salt, hash) => {
    expect(md5Crypt(Buffer.from(password), magic, salt)).toBe(hash);
  });

  it.each([
    [
      '$6$',
      'bar',
      'abcdefgh',
      undefined,
      '$6$abcdefgh$eRCVTfM6DVKz9Bbuej9PpSMwyrZNRZ7fvE2MJbP.EfNqAQLeXh.dmdhCwDsteizQToJiFQ8BwdizmSCnsxS1u1',
    ],
    ['$5$', 'Hello world!', 'saltstring', undefined, '$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5'],
    [
      '$5$',
      'Hello world!',
      'saltstringsaltstring',
      10_000,
      '$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA',
    ],
    [
      '$6$',
      'Hello world!',
      'saltstringsaltstring',
      10_000,
      '$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.',
    ],
    [
      '$6$',
      'the minimum number is still observed',
      'roundstoolow',
      10,
      '$6$rounds=1000$roundstoolow$kUMsbe306n21p9R.FRkW3IGn.S9NPN0x50YhH1xhLsPuWGsUSklZt58jaTfF4ZEQpyUNGc0dqbpBYYBaHHrsX.',
    ],
    [
      '$5$',
      'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',
      'ab',
      undefined,
      '$5$ab$iwaHr3xBKnAQnmfmsvbyjTCt1POYCzIKuI6pebchmD1',
    ],
    ['$5$', 'üüüüüüüüüüüüüüüüüüüü', 'saltsalt', undefined, '$5$saltsalt$j9kQaTZM8fVSLZbnWpy9S30TSydSje1o5vWVbeTD9sD'],
    [
      '$6$',
      'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx',
      'ab',
      undefined,
      '$6$ab$pWR1UD3a0xtawrhzK7aur8QQZL8ZBygJ39zGZlWYnxHrKXcb.5/71jgiq9.sKiypHLphRR4.cdIV8Hw.AJziB/',
    ],
    [
      '$6$',
      'üüüüüüüüüüüüüüüüüüüü',
      'saltsalt',
      undefined,
      '$6$saltsalt$W8Hd92IFJXdiGq2k2BoRA2URcvUMu1jUxyC5ds5xZBQDbHfIiXC09.FrMp6O7kFp61BO7FAeUZZdKw9YuT3uZ/',
    ],
  ] as const)('SHA %s of "%s" with salt %s and rounds %s', (magic, password, salt, rounds, hash) => {
    expect(shaCrypt(Buffer.from(password), magic, salt, rounds)).toBe(hash);
  });
});
