import { afterEach, expect, test } from 'vitest';
import { InterfaceAddresses } from '../../src/app/interface-addresses.ts';
import { run, useOwnNamespace } from './own-namespace.ts';

useOwnNamespace();

function ip(...commands: readonly string[]): void {
  for (const command of commands) run('ip', command.split(' '));
}

afterEach(() => {
  ip('link delete lan0', 'link delete lan1');
});

test('the primary address is the source of the default route, and follows it', async () => {
  for (const index of [0, 1])
    ip(
      `link add lan${index} type veth peer name peer${index}`,
      `link set lan${index} up`,
      `link set peer${index} up`,
      `address add 10.9.${index}.5/24 dev lan${index}`,
      `address add 10.9.${index}.6/24 dev lan${index}`,
      `-6 address add fd09:${index}::5/64 dev lan${index} nodad`,
    );
  const addresses = new InterfaceAddresses();
  await addresses.look();
  expect(new Set(addresses.facts.addresses)).toEqual(
    new Set(['10.9.0.5', '10.9.0.6', 'fd09::5', '10.9.1.5', '10.9.1.6', 'fd09:1::5']),
  );
  ip('route add default via 10.9.1.1 src 10.9.1.6', '-6 route add default via fd09:1::1');
  expect(await addresses.look()).toBe(true);
  expect(addresses.facts.addresses.slice(0, 2)).toEqual(['10.9.1.6', 'fd09:1::5']);
  expect(await addresses.look()).toBe(false);
  ip('route replace default via 10.9.0.1', '-6 route replace default via fd09::1');
  expect(await addresses.look()).toBe(true);
  expect(addresses.facts.addresses.slice(0, 2)).toEqual(['10.9.0.5', 'fd09::5']);
});

test('an interface without a cable is what it was, until it is gone', async () => {
  ip(
    'link add lan0 type veth peer name peer0',
    'link add lan1 type veth peer name peer1',
    'link set lan0 up',
    'link set peer0 up',
    'link set lan1 up',
    'link set peer1 up',
    'address add 10.9.0.5/24 dev lan0',
    'address add 10.9.1.5/24 dev lan1',
  );
  const addresses = new InterfaceAddresses();
  const before = addresses.interfaces;
  expect(before.map(({ name }) => name)).toEqual(['lan0', 'lan1']);
  ip('link set peer0 down');
  await addresses.look();
  expect(addresses.interfaces).toBe(before);
  ip('link delete lan0');
  await addresses.look();
  expect(addresses.interfaces.map(({ name }) => name)).toEqual(['lan1']);
  ip('link add lan0 type veth peer name peer0');
});
