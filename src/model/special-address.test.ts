import { describe, expect, it } from 'vitest';
import { ipAddressOf } from './grammar.ts';
import { specialAddressOf, unmappedAddress } from './special-address.ts';

function address(text: string): NonNullable<ReturnType<typeof ipAddressOf>> {
  const found = ipAddressOf(text);
  if (found === undefined) throw new Error(`${text} is no address`);
  return found;
}

describe('specialAddressOf', () => {
  it.each([
    ['127.0.0.1', 'loopback'],
    ['127.255.255.254', 'loopback'],
    ['::1', 'loopback'],
    ['0:0:0:0:0:0:0:1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['::FFFF:7f00:1', 'loopback'],
    ['0.0.0.0', 'unspecified'],
    ['::', 'unspecified'],
    ['::ffff:0.0.0.0', 'unspecified'],
    ['169.254.169.254', 'link-local'],
    ['::ffff:169.254.169.254', 'link-local'],
    ['fe80::1', 'link-local'],
    ['febf::1', 'link-local'],
    ['fd00:ec2::254', 'cloud metadata'],
    ['100.100.100.200', 'cloud metadata'],
    ['224.0.0.1', 'multicast'],
    ['ff02::1', 'multicast'],
    ['255.255.255.255', 'broadcast'],
  ])('knows %s as %s', (text, kind) => {
    expect(specialAddressOf(address(text))).toBe(kind);
  });

  it.each(['10.0.0.1', '128.0.0.1', '169.255.0.1', 'fec0::1', 'fd00::1', '2001:db8::1', '::2', '::ffff:10.0.0.1'])(
    'takes %s for an ordinary one',
    (text) => {
      expect(specialAddressOf(address(text))).toBeUndefined();
    },
  );
});

describe('unmappedAddress', () => {
  it('gives the IPv4 address, and leaves others as they are', () => {
    expect(unmappedAddress(address('::ffff:192.0.2.1'))).toBe('192.0.2.1');
    expect(unmappedAddress(address('2001:db8::1'))).toBe('2001:db8::1');
  });
});
