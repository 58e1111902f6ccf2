import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { probeKernel } from '../../src/planes/l4/kernel/features.ts';
import { Nft } from '../../src/planes/l4/kernel/nft.ts';
import { run, useOwnNamespace } from './own-namespace.ts';

useOwnNamespace();

const signal = new AbortController().signal;
let folder: string;
let nft: Nft | undefined;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-features-test-'));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(() => nft?.close());

/** An nft that runs `script` with the system's own nft as `$NFT`. */
async function nftThat(script: string): Promise<Nft> {
  const opened = await Nft.open(folder);
  opened.close();
  const program = run('readlink', [join(folder, 'sluice-nft')]).trim();
  const wrapper = join(folder, 'nft');
  await writeFile(wrapper, `#!/bin/bash\nNFT=${program}\n${script}\n`, { mode: 0o755 });
  return Nft.open(join(folder, 'wrapped'), wrapper);
}

/** A script that runs the system's nft, which is given something else than a session was told to include. */
function lessThanTold(sed: string): string {
  const include = `tr '\\n' ';' </proc/self/fd/3 | sed '${sed}'; echo`;
  const filter = `while IFS= read -r line; do case $line in include*) ${include};; *) echo "$line";; esac; done`;
  return `${filter} | exec $NFT "$@"`;
}

test('a kernel that has everything is left as it was', async () => {
  nft = await Nft.open(folder);
  await probeKernel(nft, signal);
  expect(run('nft', ['list', 'tables'])).toBe('');
});

test('all that is missing is named, with the options of the kernel that bring it', async () => {
  nft = await nftThat(lessThanTold('s/numgen/nomgen/; s/masquerade/masquerede/'));
  await expect(probeKernel(nft, signal)).rejects.toMatchObject({
    code: 'kernel-features',
    retryable: false,
    message: expect.stringMatching(/at random for ip \(CONFIG_NFT_NUMGEN, .*masquerade for ip \(CONFIG_NFT_MASQ, /),
  });
});

test.each(['0.9.3', '0.9.9', '1.0.5'])(
  'an nft %s that lacks something is too old, whatever the kernel has',
  async (version) => {
    nft = await nftThat(
      `[ "$1" = --version ] && exec echo "nftables v${version} (Topsy)"\n${lessThanTold('s/numgen/nomgen/')}`,
    );
    await expect(probeKernel(nft, signal)).rejects.toMatchObject({
      code: 'nft-too-old',
      retryable: false,
      message: expect.stringMatching(`nft ${version} is too old .* 1\\.0\\.6 or newer`),
    });
  },
);

test('an older nft that does everything will do', async () => {
  nft = await nftThat('[ "$1" = --version ] && exec echo "nftables v1.0.2 (Lester Gooch)"\nexec $NFT "$@"');
  await probeKernel(nft, signal);
});

test('a process without the right to is told so', async () => {
  nft = await nftThat('exec setpriv --bounding-set=-net_admin --inh-caps=-net_admin $NFT "$@"');
  await expect(probeKernel(nft, signal)).rejects.toMatchObject({
    code: 'kernel-permission',
    message: expect.stringContaining('CAP_NET_ADMIN'),
    retryable: false,
  });
});
