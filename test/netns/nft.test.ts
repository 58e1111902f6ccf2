import { mkdir, mkdtemp, readdir, readFile, readlink, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { signalProcess } from '../../src/lib/signal-process.ts';
import { Nft, NFT_PROCESS_NAME } from '../../src/planes/l4/kernel/nft.ts';
import { NFT_PROGRAMS } from './nft-programs.ts';
import { nft as otherNft, run, useOwnNamespace } from './own-namespace.ts';

useOwnNamespace();

let folder: string;
let nft: Nft;

describe.for(NFT_PROGRAMS)('$name', ({ path }) => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'sluice-nft-test-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  beforeEach(async () => {
    nft = await Nft.open(folder, path);
    otherNft('add table ip sluice; add map ip sluice m { typeof ip daddr . meta l4proto . th dport : verdict; }');
  });
  afterEach(() => nft.close());

  const element = (host: number, verdict = 'drop', comment = ''): string =>
    `add element ip sluice m { 10.0.${String(host >> 8)}.${String(host & 255)} . tcp . 80 ${comment}: ${verdict} }`;

  /** More than a session is given. */
  const many = Array.from({ length: 5000 }, (_, host) => element(host + 1000)).join('\n');

  /** The children of this process that are sessions. */
  function sessions(): readonly number[] {
    const children = run('sh', ['-c', `cat /proc/${String(process.pid)}/task/*/children`]);
    return children
      .trim()
      .split(/\s+/)
      .filter((pid) => pid !== '' && run('sh', ['-c', `cat /proc/${pid}/comm || true`]).trim() === NFT_PROCESS_NAME)
      .map(Number);
  }

  function table(): string {
    return run('nft', ['list', 'table', 'ip', 'sluice']);
  }

  /** An nft whose folder is a disk with room for 12 KiB. */
  async function onSmallDisk(use: (crowded: Nft, disk: string) => Promise<void>): Promise<void> {
    const disk = join(folder, 'disk');
    await mkdir(disk);
    run('mount', ['-t', 'tmpfs', '-o', 'size=12k', 'tmpfs', disk]);
    const crowded = await Nft.open(disk, path);
    try {
      await use(crowded, disk);
    } finally {
      crowded.close();
      await vi.waitFor(() => run('umount', [disk]));
      await rmdir(disk);
    }
  }

  describe.for([
    ['through a session', ''],
    ['in a process of its own', many],
  ] as const)('a transaction %s', ([, padding]) => {
    const transaction = (...lines: readonly string[]): string => [...lines, padding].join('\n');

    test('is applied when the call returns', async () => {
      await nft.apply(transaction(element(1), element(2)));
      expect(table()).toMatch(/10\.0\.0\.1 \. tcp \. 80 : drop/);
      expect(table()).toMatch(/10\.0\.0\.2 \. tcp \. 80 : drop/);
    });

    test('is refused as a whole, and names the line', async () => {
      await nft.apply(element(1));
      const culprit = element(1, 'accept');
      await expect(nft.apply(transaction(element(2), culprit, element(3)))).rejects.toMatchObject({
        code: 'nft-refused',
        line: culprit,
        message: `nft: Could not process rule: File exists, at: ${culprit}`,
      });
      expect(table()).not.toContain('10.0.0.2');
      expect(table()).not.toContain('10.0.0.3');
      await nft.apply(element(3));
      expect(table()).toContain('10.0.0.3');
    });

    test('that does not parse is refused', async () => {
      await expect(nft.apply(transaction(element(2), 'add eleent ip sluice m'))).rejects.toMatchObject({
        code: 'nft-refused',
        line: 'add eleent ip sluice m',
      });
      expect(table()).not.toContain('10.0.0.2');
    });

    test('is applied also where no file can be written', async () => {
      nft.close();
      const places = ['apply', 'apply.session'].map((use) => join(folder, `${NFT_PROCESS_NAME}.${use}`));
      for (const place of places) await rm(place, { force: true });
      for (const place of places) await mkdir(place);
      await nft.apply(transaction(element(1)));
      expect(sessions()).toEqual([]);
      for (const place of places) await rmdir(place);
      expect(table()).toContain('10.0.0.1');
    });

    test('is applied whole on a disk that is all but full', () =>
      onSmallDisk(async (crowded) => {
        const some = Array.from({ length: 300 }, (_, host) => element(host));
        await crowded.apply(transaction(...some));
        expect(table().match(/ : drop/g)).toHaveLength(300 + (padding === '' ? 0 : padding.split('\n').length));
      }));

    test('is applied on a full disk, and leaves no session behind that it could not use', () =>
      onSmallDisk(async (crowded, disk) => {
        await writeFile(join(disk, 'filling'), Buffer.alloc(12 * 1024));
        await crowded.apply(transaction(element(1)));
        await crowded.apply(element(2));
        expect(table()).toContain('10.0.0.2');
        await vi.waitFor(() => expect(sessions()).toEqual([]));
      }));

    test('that is only checked changes nothing', async () => {
      await nft.apply(element(1));
      await nft.check(transaction(element(2)));
      await expect(nft.check(transaction(element(1, 'accept')))).rejects.toMatchObject({ code: 'nft-refused' });
      expect(table()).not.toContain('10.0.0.2');
    });
  });

  test('several calls at once are applied in their order', async () => {
    const flips = Array.from({ length: 50 }, (_, index) =>
      index % 2 === 0 ? element(1) : 'delete element ip sluice m { 10.0.0.1 . tcp . 80 }',
    );
    await Promise.all(flips.map((flip) => nft.apply(flip)));
    expect(table()).not.toContain('10.0.0.1');
  });

  test('blocks over several lines, comments, and strings with the marks of the language', async () => {
    await nft.apply(
      [
        '# a comment; with a semicolon',
        'table ip sluice {',
        '\tchain c {',
        '\t\tip daddr 10.1.1.1 drop comment "two"',
        '\t}',
        '}',
      ].join('\n'),
    );
    await nft.apply(`add rule ip sluice c drop comment "a#b;{"\n\n${element(7, 'drop', 'comment "#; }" ')}`);
    await nft.apply(`add rule ip sluice c drop comment "Müller"`);
    for (const text of ['comment "two"', 'comment "a#b;{"', 'comment "#; }"', 'comment "Müller"']) {
      expect(table()).toContain(text);
    }
  });

  test('a session that has grown old is replaced, with nothing lost', async () => {
    const flips = ['delete element ip sluice m { 10.0.0.1 . tcp . 80 }', element(1)];
    await nft.apply(element(1));
    const [before] = sessions();
    for (let round = 0; round < 600; round += 1) for (const flip of flips) await nft.apply(flip);
    expect(table()).toContain('10.0.0.1');
    expect(sessions()).not.toContain(before);
  });

  test('a session that was killed: the next call has a new one', async () => {
    await nft.apply(element(1));
    const [session] = sessions();
    if (session === undefined) throw new Error('there is no session');
    signalProcess(session, 'SIGSTOP');
    const call = nft.apply(element(2));
    await sleep(200); // by then it has been given the line
    signalProcess(session, 'SIGKILL');
    await expect(call).rejects.toMatchObject({ code: 'nft-gone' });
    await nft.apply(element(3));
    expect(table()).toContain('10.0.0.3');
  });

  test('a call that was given up before its turn is not made', async () => {
    const controller = new AbortController();
    const first = nft.apply(element(1), controller.signal);
    const second = nft.apply(element(2), controller.signal);
    await new Promise((resolve) => setImmediate(resolve));
    controller.abort(new Error('enough'));
    await first;
    await expect(second).rejects.toThrow('enough');
    expect(table()).not.toContain('10.0.0.2');
  });

  test('a large transaction is whole before nft starts, and leaves no file', async () => {
    const program = join(folder, 'witness');
    const seen = join(folder, 'seen');
    const real = await readlink(join(folder, NFT_PROCESS_NAME));
    // What it is given besides its arguments would end early if the author were killed.
    await writeFile(
      program,
      `#!/bin/sh\n[ "$1" = -i ] || { cat >'${seen}'; tail -n 1 "$2" >>'${seen}'; }; exec ${real} "$@"\n`,
      {
        mode: 0o755,
      },
    );
    const witnessed = await Nft.open(join(folder, 'witnessed'), program);
    await witnessed.apply(many);
    witnessed.close();
    expect(await readFile(seen, 'utf8')).toBe(`${many.split('\n').at(-1) ?? ''}\n`);
    expect(await readdir(join(folder, 'witnessed'))).toEqual([NFT_PROCESS_NAME]);
    expect(table()).toContain('10.0.4.10 . tcp . 80');
  });

  test('a folder whose name nft would read otherwise', async () => {
    const odd = await Nft.open(join(folder, 'a "b" [c]'), path);
    await odd.apply(element(1));
    await expect(odd.apply(element(1, 'accept'))).rejects.toMatchObject({ line: element(1, 'accept') });
    odd.close();
    expect(table()).toContain('10.0.0.1');
  });

  test('lists as JSON', async () => {
    expect(await nft.listJson(['tables'])).toMatchObject({
      nftables: [{ metainfo: {} }, { table: { family: 'ip', name: 'sluice' } }],
    });
    await expect(nft.listJson(['table', 'ip', 'none'])).rejects.toMatchObject({ code: 'nft-refused' });
  });

  test('changes are applied also after somebody has removed the folder', async () => {
    await rm(folder, { recursive: true });
    await nft.apply(element(1));
    nft.close();
    await rm(folder, { recursive: true });
    await nft.apply(many);
    expect(await nft.listJson(['chains'])).toHaveProperty('nftables');
    expect(table()).toMatch(/10\.0\.0\.1 \. tcp \. 80 : drop/);
  });

  test('the link is kept, and mended when it leads elsewhere', async () => {
    const link = join(folder, NFT_PROCESS_NAME);
    const program = await readlink(link);
    run('ln', ['-sfn', '/nowhere', link]);
    const mended = await Nft.open(folder, path);
    expect(await readlink(link)).toBe(program);
    await mended.check(element(1));
    mended.close();
  });
});
