import { execFile } from 'node:child_process';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Fault, messageOf } from '../../lib/fault.ts';
import { until } from '../detached-process.ts';
import { FILES } from './configuration.ts';
import { keepalivedProcess, type KeepalivedPaths, type KeepalivedProcess } from './keepalived-process.ts';

const run = promisify(execFile);

/** One keepalived and the files between it and us. */
export class Keepalived {
  readonly #paths: KeepalivedPaths;
  readonly process: KeepalivedProcess;

  constructor(paths: KeepalivedPaths) {
    this.#paths = paths;
    this.process = keepalivedProcess(paths);
  }

  /**
   * Puts a configuration into its place, once keepalived itself has found nothing wrong with it. A file with a mistake would be loaded
   * in part, or end the process with its addresses bound; an empty one would release all of them, without a word.
   *
   * Until it is read, at a start or by {@link reload}, {@link hasRead} says so, also to the next run of this program.
   *
   * @throws Fault `keepalived-refused` with what it says
   */
  async install(text: string): Promise<void> {
    const temporary = this.#file(`${FILES.configuration}.tmp`);
    await writeFile(temporary, text, { mode: 0o600, flush: true });
    await this.#check(temporary);
    await writeFile(this.#file(FILES.reloading), 'installed\n', { mode: 0o600 });
    await rename(temporary, this.#file(FILES.configuration));
  }

  /** Whether a process that runs has read this configuration, and not only found it in its place. */
  async hasRead(text: string): Promise<boolean> {
    const read = (file: string): Promise<string | undefined> =>
      readFile(this.#file(file), 'utf8').catch(() => undefined);
    return (await read(FILES.configuration)) === text && (await read(FILES.reloading)) === undefined;
  }

  /** Has it read its configuration again, and waits until it has. @throws Fault `keepalived-silent` when it does not */
  async reload(signal: AbortSignal): Promise<void> {
    // It empties this file when it begins to read, and removes it afterwards.
    await writeFile(this.#file(FILES.reloading), 'asked\n', { mode: 0o600 });
    await this.process.reload();
    const isReading = async (): Promise<boolean> =>
      (await readFile(this.#file(FILES.reloading), 'utf8').catch(() => undefined)) !== undefined;
    if (!(await until(async () => !(await isReading()), signal)))
      throw new Fault('keepalived-silent', 'keepalived does not read its configuration');
  }

  /** Takes the configuration away, and ends the process. */
  async remove(): Promise<void> {
    await rm(this.#file(FILES.configuration), { force: true });
    await this.process.stop();
  }

  async #check(file: string): Promise<void> {
    const written = await readFile(file, 'utf8');
    if (written.trim() === '') throw new Fault('keepalived-refused', `${file} is empty`);
    const [program, ...args] = [...this.#paths.enter, this.#paths.keepalived, '-t', '-f', file];
    try {
      await run(program, args);
    } catch (thrown) {
      const said = thrown instanceof Error && 'stderr' in thrown ? String(thrown.stderr).trim() : messageOf(thrown);
      throw new Fault('keepalived-refused', `keepalived refuses its configuration: ${said || messageOf(thrown)}`);
    }
  }

  #file(name: string): string {
    return join(this.#paths.folder, name);
  }
}
