import { describe, expect, test } from 'vitest';
import { NftEvents } from './nft-event.ts';

const byOther = '# new generation 47226 by process 12222 (nft)';
const byUs = '# new generation 47227 by process 12223 (sluice-nft)';

describe('what nft monitor prints', () => {
  test.for([
    ['ours, by another', ['delete table ip sluice', byOther], 'delete table ip sluice'],
    [
      'the first of several',
      ['delete rule ip6 sluice c handle 4', 'delete chain ip6 sluice c', byOther],
      'delete rule ip6 sluice c handle 4',
    ],
    [
      'an element of the other table',
      ['delete element ip sluice-affinity affinity { 10.0.0.1 . 10.96.0.1 . tcp . 80 : 10.1.0.1 . 80 }', byOther],
      'delete element ip sluice-affinity affinity { 10.0.0.1 . 10.96.0.1 . tcp . 80 : 10.1.0.1 . 80 }',
    ],
    ['ours, by ourselves', ['delete table ip sluice', byUs], undefined],
    ['ours by ourselves, then nothing by another', ['delete table ip sluice', byUs, byOther], undefined],
    [
      'what is added, as by an old copy',
      ['add element ip sluice m { 10.0.0.1 }', byOther],
      'add element ip sluice m { 10.0.0.1 }',
    ],
    [
      'of another name',
      ['delete table ip sluicegate', 'delete table inet sluice', 'delete table ip nat', byOther],
      undefined,
    ],
    ['no end so far', ['delete table ip sluice'], undefined],
  ] as const)('%s', ([, lines, what]) => {
    const events = new NftEvents();
    const found = lines.map((line) => events.decode(line)).filter((event) => event !== undefined);
    expect(found).toEqual(what === undefined ? [] : [{ what, process: 'nft', pid: 12_222 }]);
  });

  test('lines that are missing', () => {
    expect(new NftEvents().decode('# ERROR: We lost some netlink events!')).toBe('loss');
  });
});
