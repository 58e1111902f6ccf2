import { ALL_KINDS } from '../model/kinds.ts';
import type { ObservedTables } from '../model/observed.ts';
import type { Tables } from '../model/snapshot.ts';

/** One change of one object; `value` undefined removes it. */
export type Change<Name extends keyof Tables = keyof Tables> = {
  readonly [Each in Name]: {
    readonly table: Each;
    readonly key: string;
    readonly value: Tables[Each] | undefined;
  };
}[Name];

/** One change of what is observed of one object; `value` undefined: there is no such object any more. */
export type ObservedChange<Name extends keyof ObservedTables = keyof ObservedTables> = {
  readonly [Each in Name]: {
    readonly table: Each;
    readonly key: string;
    readonly value: ObservedTables[Each] | undefined;
  };
}[Name];

/** What a source says that has read all there is, of every kind: what it does not hold does not exist. */
export const EVERYTHING_READ: readonly Change<'complete'>[] = ALL_KINDS.map((kind) => ({
  table: 'complete',
  key: kind,
  value: true,
}));
