import { expect, it } from 'vitest';
import { listenAddressOf } from './listen-address.ts';

it.each([
  ['127.0.0.1:9901', { host: '127.0.0.1', port: 9901 }],
  ['[::1]:9901', { host: '::1', port: 9901 }],
  ['localhost:9901', { host: 'localhost', port: 9901 }],
  [':9901', { port: 9901 }],
])('reads %s', (text, address) => {
  expect(listenAddressOf(text)).toEqual(address);
});
