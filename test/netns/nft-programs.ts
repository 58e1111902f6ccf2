import { join } from 'node:path';
import { findProgram } from '../../src/planes/l4/kernel/run-program.ts';
import { run } from './own-namespace.ts';

/** An nft to test with. */
export interface NftProgram {
  /** `nft 1.0.6` */
  readonly name: string;
  readonly path: string;
}

const SCRIPT = join(import.meta.dirname, '..', '..', 'scripts', 'install-other-nft.sh');

/** The machine's own nft. */
export const OWN_NFT = programAt((await findProgram('nft')) ?? 'nft');

/** One of the other series that Sluice promises to work with, 1.0 or 1.1; or why there is none. */
export const OTHER_NFT = findOtherNft();

/** All that there are. Where the other one is missing, `transaction.test.ts` has a test that is skipped and says why. */
export const NFT_PROGRAMS: readonly NftProgram[] = 'path' in OTHER_NFT ? [OWN_NFT, OTHER_NFT] : [OWN_NFT];

function findOtherNft(): NftProgram | { readonly missing: string } {
  try {
    return programAt(run(SCRIPT, ['--no-install']).trim());
  } catch (thrown) {
    const { stderr } = thrown as { readonly stderr?: string };
    if (stderr === undefined || stderr === '') throw thrown;
    return { missing: stderr.trim() };
  }
}

function programAt(path: string): NftProgram {
  const [, version = 'of an unknown version'] = /v([\d.]+)/.exec(run(path, ['--version'])) ?? [];
  return { name: `nft ${version}`, path };
}
