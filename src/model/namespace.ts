import type { Labels } from './label-selector.ts';
import type { ObjectMeta } from './object.ts';

/** A Namespace (core/v1), of which only the labels are read, by selectors. */
export interface Namespace {
  readonly meta: ObjectMeta;
  readonly labels: Labels;
}
