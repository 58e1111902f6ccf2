import type { ReflectionState } from '../../kube/reflection.ts';
import { nameOfSelection, type Followed } from './interest.ts';

/** What is known of one selection of objects. */
export interface Progress {
  readonly reflection: ReflectionState;
  /** Whether there ever was a complete list. */
  readonly hasSynced: boolean;
  /** Whether any object of it is held. */
  readonly isFilled: boolean;
  /** Since when the server has refused what was never seen, in Unix time in milliseconds; undefined while it does not. */
  readonly refusedSinceMs: number | undefined;
}

/** What one selection means for the whole: whether a plan can be made, and whether what it is made of may be old. */
export type Standing =
  | { readonly kind: 'complete' }
  | { readonly kind: 'syncing' }
  | {
      readonly kind: 'stale';
      readonly sinceMs: number;
      readonly reason: string;
      /** When the server's word is taken for it and the rest is served without, in Unix time in milliseconds; undefined: never. */
      readonly untilMs: number | undefined;
    };

/**
 * How much of the server's word is believed. A refusal, or a 404 for what every cluster has, says nothing about the objects: a
 * start waits for them as it waits for a server that is away, or it would withdraw whatever it serves.
 *
 * @param confirmMs for how long a refusal of what may be forbidden must last. An API server that has just started refuses
 *   everybody until it has read its RBAC objects (kubernetes#121635).
 */
export function standingOf(followed: Followed, progress: Progress, confirmMs: number, nowMs: number): Standing {
  const { reflection, hasSynced, isFilled, refusedSinceMs = nowMs } = progress;
  const { presence, selection } = followed;
  const name = nameOfSelection(selection);
  switch (reflection.kind) {
    case 'synced':
      return { kind: 'complete' };
    case 'syncing':
      return { kind: 'syncing' };
    case 'stale':
      return { kind: 'stale', sinceMs: reflection.sinceMs, reason: reflection.cause.message, untilMs: undefined };
    case 'forbidden': {
      const mayBeForbidden = presence !== 'required' && !hasSynced;
      const untilMs = mayBeForbidden ? refusedSinceMs + confirmMs : undefined;
      if (untilMs !== undefined && untilMs <= nowMs) return { kind: 'complete' };
      const remedy = 'Grant list and watch on it to the account of Sluice; deploy/ has the rules';
      const reason = `${name} cannot be read: ${reflection.cause.message}. ${remedy}`;
      return { kind: 'stale', sinceMs: refusedSinceMs, reason, untilMs };
    }
    case 'absent': {
      // What a CRD held leaves with a word about each object before the CRD does.
      if (presence === 'custom' && !isFilled) return { kind: 'complete' };
      const remedy = 'Every cluster has it: see whether it is the API server that answers at this address';
      const reason = `${name} cannot be read: ${reflection.cause.message}. ${presence === 'custom' ? 'Install its CRD again' : remedy}`;
      return { kind: 'stale', sinceMs: refusedSinceMs, reason, untilMs: undefined };
    }
  }
}
