/** The conformance suite of Gateway API: its program, built from the Go module proxy as any other, and its CustomResourceDefinitions. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from '../cluster/assets.ts';
import { withFolderLock } from '../cluster/assets/folder-lock.ts';
import { findGo } from '../cluster/assets/go-toolchain.ts';
import { runWatched } from '../cluster/assets/watched-command.ts';

const MODULE = join(import.meta.dirname, 'module');

/** The release whose suite is run, as `module/go.mod` pins it. */
export const SUITE_VERSION = pinnedVersion();

/** What is needed to ask the questions. */
export interface Suite {
  /** The program. */
  readonly program: string;
  /** The CustomResourceDefinitions of the standard channel, of the same release. */
  readonly crds: readonly string[];
}

/** Builds the suite where that has not been done (some minutes, once per version). @throws Error that says what is missing */
export async function conformanceSuite(report: (line: string) => void): Promise<Suite> {
  const cache = cacheFolder();
  const folder = join(cache, 'gateway-api', SUITE_VERSION);
  const program = join(folder, 'conformance.test');
  const onWait = (): void => report(`${folder} is being built by another process; waiting for it`);
  return withFolderLock(cache, onWait, async () => {
    const go = await findGo(cache, report);
    if (!existsSync(program)) await build(go, folder, program, report);
    return { program, crds: await crdsOf(go) };
  });
}

async function build(go: string, folder: string, program: string, report: (line: string) => void): Promise<void> {
  await mkdir(folder, { recursive: true });
  const partial = `${program}.partial`;
  const flags = ['-mod=readonly', '-trimpath', '-ldflags', '-s -w', '-o', partial];
  await runWatched({
    title: `Building the conformance suite of Gateway API ${SUITE_VERSION}`,
    command: go,
    args: ['test', '-c', ...flags, 'sigs.k8s.io/gateway-api/conformance'],
    cwd: MODULE,
    env: { CGO_ENABLED: '0', GOWORK: 'off' },
    report,
  });
  await rename(partial, program);
}

/** They stand in the module of the API, which the suite depends on. */
async function crdsOf(go: string): Promise<readonly string[]> {
  const options = { cwd: MODULE, env: { ...process.env, GOWORK: 'off' } };
  const args = ['mod', 'download', '-json', `sigs.k8s.io/gateway-api@${SUITE_VERSION}`];
  const { stdout } = await promisify(execFile)(go, args, options);
  const answer: unknown = JSON.parse(stdout);
  if (typeof answer !== 'object' || answer === null || !('Dir' in answer) || typeof answer.Dir !== 'string')
    throw new Error(`go does not say where sigs.k8s.io/gateway-api@${SUITE_VERSION} is: ${stdout}`);
  const folder = join(answer.Dir, 'config', 'crd', 'standard');
  const files = await readdir(folder);
  return files.filter((file) => file.startsWith('gateway.networking')).map((file) => join(folder, file));
}

function pinnedVersion(): string {
  const text = readFileSync(join(MODULE, 'go.mod'), 'utf8');
  const version = /^require sigs\.k8s\.io\/gateway-api\/conformance (v[\d.]+)$/m.exec(text)?.[1];
  if (version === undefined) throw new Error('module/go.mod pins no version of sigs.k8s.io/gateway-api/conformance');
  return version;
}
