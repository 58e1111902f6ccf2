import { describe, expect, it } from 'vitest';
import { checkpointFiles } from '../../../test/fakes/checkpoint-files.ts';
import { bystanders, targets } from '../../../test/injection/objects.ts';
import { planOf } from '../../../test/injection/served.ts';
import { renderCheckpoint, type Checkpoint } from './checkpoint.ts';

const contents = (checkpoint: Checkpoint): readonly unknown[] => [...checkpointFiles(checkpoint)];

describe('renderCheckpoint', () => {
  it('gives equal bytes for equal plans, whatever the order of the objects', () => {
    const objects = [...targets, ...bystanders];
    const expected = contents(renderCheckpoint(planOf(objects).l7, 'pem\n'));
    expect(contents(renderCheckpoint(planOf(objects.toReversed()).l7, 'pem\n'))).toEqual(expected);
    expect(contents(renderCheckpoint(planOf(bystanders).l7, 'pem\n'))).not.toEqual(expected);
  });
});
