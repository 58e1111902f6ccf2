import type { Checkpoint } from '../../src/planes/l7/checkpoint.ts';

/** What stands in each file of a checkpoint, as on disk: of two files with one name the later. */
export function checkpointFiles(checkpoint: Checkpoint): ReadonlyMap<string, string> {
  return new Map(Array.from(checkpoint, ([file, pieces]) => [file, [...pieces].join('')]));
}
