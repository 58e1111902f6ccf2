import { describe, expect, it } from 'vitest';
import { Fault } from '../lib/fault.ts';
import { ApiFault, decodeStatus } from './api-fault.ts';
import { silentStream } from './json-stream.ts';
import { malformedAnswer } from './raw-object.ts';
import { isEarlier, newAttempt, relistReason, stateAfter, unconfirmedEmptyList, type Attempt } from './recovery.ts';

const refused = (status: number, causes: readonly object[] = []): ApiFault =>
  new ApiFault('watch', decodeStatus(status, { kind: 'Status', details: { causes } }));
const lost = new Fault('kube-unreachable', 'gone');
const attempt = (more: Partial<Attempt> = {}): Attempt => ({ ...newAttempt(), ...more });

describe('relistReason', () => {
  it.each([
    ['a lost connection', lost, attempt({ isOpen: true }), undefined],
    ['a silent watch', new Fault(silentStream, ''), attempt({ isOpen: true, events: 1 }), undefined],
    ['a line that is not JSON', new Fault(malformedAnswer, ''), attempt({ isOpen: true, events: 9 }), 'malformed'],
    ['410', refused(410), attempt(), 'expired'],
    ['410 as an event', refused(410), attempt({ isOpen: true }), 'expired'],
    ['a version from the future', refused(504, [{ reason: 'ResourceVersionTooLarge' }]), attempt(), 'expired'],
    ['a version that is none', refused(400), attempt(), 'refused'],
    ['500', refused(500), attempt(), undefined],
    ['503', refused(503), attempt(), undefined],
    ['403', refused(403), attempt(), undefined],
    ['404', refused(404), attempt(), undefined],
    ['an ERROR event at once', refused(500), attempt({ isOpen: true }), 'refused'],
    ['an ERROR event after others', refused(500), attempt({ isOpen: true, events: 1 }), undefined],
    ['an ERROR event that means later', refused(429), attempt({ isOpen: true }), undefined],
  ] as const)('%s', (_name, fault, was, reason) => {
    expect(relistReason(fault, was)).toBe(reason);
  });
});

describe('stateAfter', () => {
  it.each([
    ['a connection that never came to be', lost, attempt(), 'stale'],
    ['a connection that was cut at once', lost, attempt({ isOpen: true }), 'stale'],
    ['a good connection that was cut', lost, attempt({ isOpen: true, hasSettled: true }), undefined],
    [
      'an empty list, however good the connection',
      new Fault(unconfirmedEmptyList, ''),
      attempt({ hasSettled: true }),
      'stale',
    ],
    ['410', refused(410), attempt(), undefined],
    ['a watch-list that etcd cannot do', refused(500), attempt({ isOpen: true, isInitial: true }), undefined],
    ['a watch-list that is to wait', refused(429), attempt({ isOpen: true, isInitial: true }), 'stale'],
    [
      'a watch-list that nobody ends',
      new Fault(silentStream, ''),
      attempt({ isOpen: true, isInitial: true }),
      undefined,
    ],
    ['403', refused(403), attempt(), 'forbidden'],
    ['404', refused(404), attempt(), 'absent'],
    ['401', refused(401), attempt(), 'stale'],
    ['500', refused(500), attempt(), 'stale'],
  ] as const)('%s', (_name, fault, was, kind) => {
    expect(stateAfter(fault, was, 5)?.kind).toBe(kind);
  });

  it('says since when', () => {
    expect(stateAfter(lost, attempt(), 5)).toEqual({ kind: 'stale', sinceMs: 5, cause: lost });
  });

  it('names a verb even where the server did not', () => {
    expect(stateAfter(refused(403), attempt(), 5)).toMatchObject({ verbs: ['list'] });
    expect(stateAfter(refused(403), attempt({ deniedVerbs: new Set(['watch']) }), 5)).toMatchObject({
      verbs: ['list', 'watch'],
    });
  });
});

it.each([
  ['9', '10', true],
  ['10', '9', false],
  ['10', '10', false],
  ['18446744073709551614', '18446744073709551615', true],
  ['opaque', '10', false],
  ['10', '', false],
])('isEarlier(%s, %s) is %s', (a, b, expected) => {
  expect(isEarlier(a, b)).toBe(expected);
});
