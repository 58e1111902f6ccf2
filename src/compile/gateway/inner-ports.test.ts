import { describe, expect, it } from 'vitest';
import { isInnerPort, reserveFor } from './inner-ports.ts';

const PORTS = { first: 20_000, last: 20_199 };

describe('ports of HAProxy for Gateways', () => {
  it.each([
    [20_000, 'http', true],
    [20_099, 'http', true],
    [20_100, 'http', false],
    [20_100, 'tls', true],
    [20_199, 'tls', true],
    [20_200, 'tls', false],
  ] as const)('%i for %s: %s', (port, kind, is) => {
    expect(isInnerPort(port, PORTS, kind)).toBe(is);
  });

  it.each([
    ['none where nobody needs one', [], 0],
    ['some from the first on', [20_000], 32],
    ['as many of each kind', [20_100], 32],
    ['twice as many when these are used up', [20_000, 20_032], 64],
    ['no more than there are', [20_164], 100],
  ])('stand ready: %s', (_, used, reserve) => {
    expect(reserveFor(used, PORTS)).toBe(reserve);
  });
});
