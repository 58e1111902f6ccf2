import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
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

  it('gives what is known of an entry of another version', async () => {
    const { clusterIps, nodePorts } = GIVEN;
    const allocations = { 'ns/web': { clusterIps, nodePorts: { ...nodePorts, 'TCP/81': 'y' }, later: {} } };
    const sha256 = createHash('sha256').update(JSON.stringify(allocations)).digest('hex');
    await writeFile(join(folder, 'allocations.json'), JSON.stringify({ sha256, allocations }));
    expect(await readAgain()).toEqual([['ns/web', GIVEN]]);
  });

  describe('that is damaged', () => {
    const OTHER = PersistentMap.from([['ns/other', { ...GIVEN, clusterIps: [ip('10.96.0.8')] }]]);
    const path = (): string => join(folder, 'allocations.json');
    const damage = (change: (text: string) => string): Promise<void> =>
      readFile(path(), 'utf8').then((text) => writeFile(path(), change(text)));

    it.each<[string, (text: string) => string]>([
      ['empty', () => ''],
      ['cut off', (text) => text.slice(0, -20)],
      ['of something else', () => '[1, 2]'],
      ['of another version', () => '{ "version": 9, "ns/web": 5 }'],
      ['with another address', (text) => text.replace('10.96.0.7', '10.96.0.9')],
      ['with another port', (text) => text.replace('30007', '30008')],
      ['with what is no port', (text) => text.replace('30007', '"x"')],
      ['without an entry', (text) => text.replace('"ns/web"', '"ns/cat"')],
    ])('gives what was written before, where it is %s, and is reported', async (_, change) => {
      const file = open();
      file.write(OTHER);
      await file.flush();
      await write(file);
      await damage(change);
      const reported: string[] = [];
      const logger = { ...silentLogger, error: (message: string) => reported.push(message) };
      const held = await new AllocationFile(folder, logger).read();
      expect(held.sorted()).toEqual(OTHER.sorted());
      expect(reported).toEqual(['what was allocated before is damaged and not used']);
    });

    it('gives nothing where there is none before it, and takes not its place', async () => {
      await write(open());
      await damage(() => '');
      const file = open();
      expect((await file.read()).size).toBe(0);
      await write(file);
      await damage(() => '');
      expect(await readAgain()).toEqual([]);
    });

    it('is read although a crash came between two names', async () => {
      await write(open());
      await rename(path(), `${path()}.before`);
      expect(await readAgain()).toEqual([['ns/web', GIVEN]]);
    });
  });
});
