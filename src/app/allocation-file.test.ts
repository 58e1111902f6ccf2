import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ip } from '../../test/l4/snapshot-steps.ts';
import type { Allocation } from '../compile/l4/allocation.ts';
import { silentLogger } from '../lib/logger.ts';
import { PersistentMap } from '../lib/persistent-map.ts';
import { AllocationFile } from './allocation-file.ts';

const GIVEN: Allocation = { clusterIps: [ip('10.96.0.7')], loadBalancerIps: [], nodePorts: { 'TCP/80': 30_007 } };
const HELD = PersistentMap.from([['ns/web', GIVEN]]);

describe('the file of allocations', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-allocations-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const open = (): AllocationFile => new AllocationFile(folder, silentLogger);
  const readAgain = async (): Promise<readonly unknown[]> => (await open().read()).sorted();

  async function write(file: AllocationFile): Promise<void> {
    file.write(HELD);
    await file.flush();
  }

  it('gives the next run what this one gave', async () => {
    await write(open());
    expect(await readAgain()).toEqual([['ns/web', GIVEN]]);
  });

  it('is written once it can be, though nothing more was allocated', async () => {
    const file = open();
    await mkdir(join(folder, 'allocations.json.tmp'));
    await write(file);
    expect(await readAgain()).toEqual([]);
    await rm(join(folder, 'allocations.json.tmp'), { recursive: true });
    await write(file);
    expect(await readAgain()).toEqual([['ns/web', GIVEN]]);
  });

  it('is written also after somebody has removed the folder', async () => {
    const file = open();
    await rm(folder, { recursive: true });
    await write(file);
    expect(await readAgain()).toEqual([['ns/web', GIVEN]]);
  });

  it.each([
    ['cut off', '{ "ns/web": { "clu'],
    ['of something else', '[1, 2]'],
    ['of another version', '{ "version": 9, "ns/web": 5 }'],
  ])('gives nothing where it is %s', async (_, text) => {
    await writeFile(join(folder, 'allocations.json'), text);
    expect(await readAgain()).toEqual([]);
  });

  it('gives what can be read of an entry', async () => {
    const entry = {
      clusterIps: ['10.96.0.7', 'x', 5],
      loadBalancerIps: [],
      nodePorts: { 'TCP/80': 30_007, 'TCP/81': 'y', 'TCP/82': 0 },
    };
    await writeFile(join(folder, 'allocations.json'), JSON.stringify({ 'ns/web': { ...entry, later: {} } }));
    expect(await readAgain()).toEqual([['ns/web', GIVEN]]);
  });
});
