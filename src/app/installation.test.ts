import { expect, it } from 'vitest';
import { installationOf } from './installation.ts';

it.each([
  ['sluice', undefined, { fieldManager: 'sluice', leaseName: 'sluice-leader', label: 'sluice' }],
  [
    'internal',
    undefined,
    { fieldManager: 'sluice-internal', leaseName: 'sluice-internal-leader', label: 'sluice-internal' },
  ],
  ['internal', 'mine', { fieldManager: 'sluice-internal', leaseName: 'mine', label: 'sluice-internal' }],
])('names what the processes of class %s share, with --lease-name %s', (ingressClass, leaseName, expected) => {
  expect(installationOf(ingressClass, leaseName)).toEqual(expected);
});

it('keeps within what a label may hold, and tells long names apart', () => {
  const [one, two] = ['x', 'y'].map((end) => installationOf(`${'long.'.repeat(48)}${end}`, undefined));
  expect(one?.label).toMatch(/^sluice-[a-z.]+-[0-9a-f]{8}$/);
  expect(one?.label.length).toBeLessThanOrEqual(63);
  expect(one?.label).not.toBe(two?.label);
});
