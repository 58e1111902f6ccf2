import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, beforeEach } from 'vitest';

/**
 * For tests that change the network namespace they run in: refuses one that has a way out, which must be the machine's, and
 * empties what they leave behind.
 * `node scripts/test.ts` starts this suite in a namespace of its own; for a single file:
 *
 *     unshare --net npx vitest run --project netns test/netns/nft.test.ts
 */
export function useOwnNamespace(): void {
  beforeAll(() => {
    if (run('ip', ['route']) !== '') {
      throw new Error('these tests flush the rules of their network namespace: start vitest with "unshare --net"');
    }
    run('ip', ['link', 'set', 'lo', 'up']);
  });
  beforeEach(() => void nft('flush ruleset'));
  afterAll(() => void nft('flush ruleset'));
}

/** Runs a program to its end and returns what it printed. Throws when its status is not 0. */
export function run(program: string, args: readonly string[], stdin = ''): string {
  return execFileSync(program, args, {
    input: stdin,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
  });
}

/** The system's nft, as another program than Sluice would use it. */
export function nft(commands: string): string {
  return run('nft', ['-f', '-'], `${commands}\n`);
}
