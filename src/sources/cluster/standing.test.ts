import { describe, expect, it } from 'vitest';
import { ApiFault } from '../../kube/api-fault.ts';
import type { ReflectionState } from '../../kube/reflection.ts';
import { resourceOf, type Presence } from '../../model/kinds.ts';
import { standingOf, type Progress } from './standing.ts';

function answered(status: number): ApiFault {
  return new ApiFault('GET /', { status, reason: '', message: 'no', causes: [], retryAfterMs: undefined });
}

const FORBIDDEN: ReflectionState = { kind: 'forbidden', verbs: ['list'], cause: answered(403) };
const ABSENT: ReflectionState = { kind: 'absent', cause: answered(404) };
const STALE: ReflectionState = { kind: 'stale', sinceMs: 5, cause: answered(500) };

const CONFIRM_MS = 10;
const EARLY_MS = 109;
const LATE_MS = 110;

const NEVER_SEEN = { hasSynced: false, isFilled: false, refusedSinceMs: 100 };
const SEEN_EMPTY = { ...NEVER_SEEN, hasSynced: true };
const SEEN = { ...SEEN_EMPTY, isFilled: true };

type Case = readonly [
  what: string,
  presence: Presence,
  reflection: ReflectionState,
  seen: Omit<Progress, 'reflection'>,
  nowMs: number,
  kind: string,
];

describe('standingOf', () => {
  it.each<Case>([
    ['complete once it is synced', 'required', { kind: 'synced' }, SEEN, EARLY_MS, 'complete'],
    ['syncing at first', 'optional', { kind: 'syncing' }, NEVER_SEEN, EARLY_MS, 'syncing'],
    ['stale in an outage', 'custom', STALE, SEEN, LATE_MS, 'stale'],
    ['stale for as long as it is forbidden', 'required', FORBIDDEN, NEVER_SEEN, LATE_MS, 'stale'],
    ['stale for as long as nobody knows it', 'required', ABSENT, NEVER_SEEN, LATE_MS, 'stale'],
    ['stale when it is forbidden later', 'required', FORBIDDEN, SEEN, LATE_MS, 'stale'],
    ['stale while it may be a server that starts', 'optional', FORBIDDEN, NEVER_SEEN, EARLY_MS, 'stale'],
    ['done without when it is forbidden for long', 'optional', FORBIDDEN, NEVER_SEEN, LATE_MS, 'complete'],
    ['stale when it was seen and is forbidden for long', 'optional', FORBIDDEN, SEEN, LATE_MS, 'stale'],
    ['stale for as long as nobody knows it', 'optional', ABSENT, NEVER_SEEN, LATE_MS, 'stale'],
    ['done without at once where it is not installed', 'custom', ABSENT, NEVER_SEEN, EARLY_MS, 'complete'],
    ['done without when its last object went before it', 'custom', ABSENT, SEEN_EMPTY, EARLY_MS, 'complete'],
    ['stale when it vanishes with objects in it', 'custom', ABSENT, SEEN, LATE_MS, 'stale'],
    ['done without when it is forbidden for long', 'custom', FORBIDDEN, NEVER_SEEN, LATE_MS, 'complete'],
  ])('%s (%s)', (_, presence, reflection, seen, nowMs, kind) => {
    const selection = { resource: resourceOf('Ingress') };
    expect(standingOf({ presence, selection }, { reflection, ...seen }, CONFIRM_MS, nowMs)).toMatchObject({ kind });
  });

  it('names the kind, the answer of the server and what to do', () => {
    const selection = { resource: resourceOf('Ingress') };
    const progress = { reflection: FORBIDDEN, ...NEVER_SEEN };
    expect(standingOf({ presence: 'required', selection }, progress, CONFIRM_MS, LATE_MS)).toEqual({
      kind: 'stale',
      sinceMs: 100,
      reason:
        'ingresses.networking.k8s.io cannot be read: GET /: the API server answered 403: no. Grant list and watch on it to the account of Sluice; deploy/ has the rules',
      untilMs: undefined,
    });
  });
});
