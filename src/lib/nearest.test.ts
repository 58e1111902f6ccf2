import { describe, expect, it } from 'vitest';
import { nearestOf } from './nearest.ts';

const FIELDS = ['host', 'http', 'path', 'paths', 'pathType', 'backend', 'secretName', 'loadBalancerSourceRanges'];

describe('nearestOf', () => {
  it.each([
    ['hosts', 'host'],
    ['Host', 'host'],
    ['hots', 'host'],
    ['htpp', 'http'],
    ['pathtype', 'pathType'],
    ['pathTypes', 'pathType'],
    ['backends', 'backend'],
    ['bakcend', 'backend'],
    ['secretname', 'secretName'],
    ['secret_name', 'secretName'],
    ['loadbalancerSourceRange', 'loadBalancerSourceRanges'],
    ['Paths', 'paths'],
  ])('takes %s for %s', (text, meant) => {
    expect(nearestOf(text, FIELDS)).toBe(meant);
  });

  it.each(['', 'annotations', 'hostname', 'ports', 'h', 'backendService', 'x'.repeat(10_000)])(
    'takes %s for none of them',
    (text) => {
      expect(nearestOf(text, FIELDS)).toBeUndefined();
    },
  );
});
