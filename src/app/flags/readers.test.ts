import { describe, expect, it } from 'vitest';
import { durationAsS, hostPortOf, labelSelectorOf, listenOn, oneOf, secondsAsMs } from './readers.ts';

describe('HOST:PORT', () => {
  it.each(['127.0.0.1:9901', '0.0.0.0:10256', '[::1]:9901', 'localhost:65535'])('is taken: %s', (text) => {
    expect(hostPortOf(text)).toBe(text);
    expect(listenOn(text)).toBe(text);
  });

  it('needs no host where a server is to listen, but where one is asked', () => {
    expect(listenOn(':9901')).toBe(':9901');
    expect(() => hostPortOf(':9901')).toThrow('Give it as HOST:PORT');
  });

  it.each([
    'foo',
    '9901',
    ':',
    ':0',
    ':65536',
    ':x',
    '127.0.0.1:',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    '::1:9901',
    '127.0.0.1:x',
  ])('is refused: %s', (text) => {
    for (const read of [hostPortOf, listenOn]) expect(() => read(text)).toThrow('Give it as HOST:PORT');
  });
});

it('reads seconds as milliseconds', () => {
  expect(secondsAsMs('0.5')).toBe(500);
  for (const text of ['', '-1', 'x', 'Infinity']) expect(() => secondsAsMs(text)).toThrow('Give a number of seconds.');
});

it('names the words that there are', () => {
  expect(oneOf('json', 'text')('text')).toBe('text');
  expect(() => oneOf('json', 'text')('TEXT')).toThrow('Give one of: json, text.');
});

it.each([
  ['24h0m0s', 86_400],
  ['1h', 3_600],
  ['90s', 90],
  ['1m30s', 90],
  ['0', 0],
  ['0s', 0],
])('reads the duration %s as kube-proxy does', (text, seconds) => {
  expect(durationAsS(text)).toBe(seconds);
});

it.each(['', '5', '1d', '-1h', '1h 30m', '1.5h'])('refuses the duration "%s"', (text) => {
  expect(() => durationAsS(text)).toThrow('Give a duration');
});

describe('a label selector', () => {
  it('is read as kubectl reads it', () => {
    expect(labelSelectorOf('team=shop, example.com/tier in (a, b),x!=y,z notin (),new,!old').requirements).toEqual([
      { key: 'team', operator: 'In', values: ['shop'] },
      { key: 'example.com/tier', operator: 'In', values: ['a', 'b'] },
      { key: 'x', operator: 'NotIn', values: ['y'] },
      { key: 'z', operator: 'NotIn', values: [''] },
      { key: 'new', operator: 'Exists', values: [] },
      { key: 'old', operator: 'DoesNotExist', values: [] },
    ]);
    expect(labelSelectorOf('a==b').requirements).toEqual([{ key: 'a', operator: 'In', values: ['b'] }]);
  });

  it.each(['', 'a=b,', 'a in b', 'a in (b', '=b', 'a=b c', 'a>1', '-a'])('is refused: "%s"', (text) => {
    expect(() => labelSelectorOf(text)).toThrow('is no part of a label selector');
  });
});
