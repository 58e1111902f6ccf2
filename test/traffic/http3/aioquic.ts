/**
 * The HTTP/3 client that the traffic suite tests with: aioquic, because neither Node.js nor the curl of Debian 12 speaks HTTP/3.
 * `node test/traffic/http3/aioquic.ts` installs it into the cache outside the checkout where python3 has none.
 */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { cacheFolder } from '../../cluster/assets.ts';
import { withFolderLock } from '../../cluster/assets/folder-lock.ts';
import { runWatched } from '../../cluster/assets/watched-command.ts';

const requirements = join(import.meta.dirname, 'requirements.txt');

/** The environment with which python3 finds aioquic. */
export type PythonEnvironment = Readonly<Record<string, string>>;

/** aioquic as python3 has it itself or as it was installed into the cache; undefined where there is neither, or no python3. */
export async function findAioquic(): Promise<PythonEnvironment | undefined> {
  if (await canImport({})) return {};
  const installed = await installedFolder().catch(() => undefined);
  if (installed === undefined || !(await canImport({ PYTHONPATH: installed }))) return undefined;
  return { PYTHONPATH: installed };
}

/** @throws Error with the reason and the alternative, when PyPI does not give it */
async function installAioquic(report: (line: string) => void): Promise<void> {
  if ((await findAioquic()) !== undefined) return;
  const folder = await installedFolder();
  const partial = `${folder}.partial`;
  const onWait = (): void => report(`${folder} is being installed by another process; waiting for it`);
  await withFolderLock(cacheFolder(), onWait, async () => {
    if (existsSync(folder)) return;
    await rm(partial, { recursive: true, force: true });
    const flags = ['--quiet', '--no-input', '--disable-pip-version-check', '--no-deps', '--only-binary', ':all:'];
    await runWatched({
      title: 'aioquic, the HTTP/3 client: installing from PyPI',
      command: 'python3',
      args: ['-m', 'pip', 'install', ...flags, '--require-hashes', '--requirement', requirements, '--target', partial],
      report,
    });
    await rename(partial, folder);
  });
  if ((await findAioquic()) === undefined) throw new Error(`python3 cannot use what was installed into ${folder}`);
}

/** One folder for each version of aioquic and of Python, since parts of it are compiled. */
async function installedFolder(): Promise<string> {
  const version = /^aioquic==(\S+)/m.exec(readFileSync(requirements, 'utf8'))?.[1] ?? '';
  const { stdout } = await python(['-c', 'import sys; print(sys.implementation.cache_tag)'], {});
  return join(cacheFolder(), 'aioquic', `${version}-${stdout.trim()}`);
}

async function canImport(environment: PythonEnvironment): Promise<boolean> {
  return python(['-c', 'import aioquic.h3.connection'], environment).then(
    () => true,
    () => false,
  );
}

function python(args: readonly string[], environment: PythonEnvironment): Promise<{ readonly stdout: string }> {
  return promisify(execFile)('python3', args, { env: { ...process.env, ...environment } });
}

if (import.meta.main) {
  try {
    await installAioquic((line) => process.stderr.write(`${line}\n`));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    process.stderr.write(
      `The HTTP/3 client of the tests cannot be installed: ${reason}\n` +
        'It needs PyPI, and python3 with pip. Instead, install aioquic for python3 yourself (Debian: python3-aioquic).\n',
    );
    process.exitCode = 1;
  }
}
