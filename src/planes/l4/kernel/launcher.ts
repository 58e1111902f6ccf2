import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { invariant } from '../../../lib/invariant.ts';
import { LineSplitter } from '../../../lib/line-splitter.ts';

/** What a program printed, and how it ended as a shell tells it: 127 when there is none, 128 and more when a signal ended it. */
export interface LaunchEnd {
  readonly shellStatus: number;
  readonly stderr: string;
}

interface Launched {
  readonly onLine: (line: string) => void;
  readonly stderr: string[];
  /** Ends of its outputs that have been seen, of two. */
  ends: number;
  shellStatus: number;
  readonly resolve: (end: LaunchEnd) => void;
  readonly reject: (error: Error) => void;
}

/** Reads a command a line. What it is given ends when this process does, and so does it. */
const LOOP = 'while IFS= read -r command; do eval "$command"; done';

/** Stands at the begin of a line that ends the output of a program. */
const FENCE = 'sluice-launcher-end';

/**
 * A shell that runs programs, one at a time.
 *
 * To start a program, the kernel copies the page tables of the one who starts it, and afterwards every page that either writes to: with
 * 300 MB of memory that holds this process up for 5 to 20 ms, in which no change gets to the kernel. A shell that was started while
 * this process was small does it in less than one, and holds up nobody.
 */
export class Launcher {
  readonly #shell: ChildProcess;
  #launched: Launched | undefined;
  #gone: Error | undefined;

  constructor(environment: Readonly<Record<string, string>>) {
    // In a process group of its own, so that the shell can be ended together with what it runs.
    this.#shell = spawn('/bin/sh', ['-c', LOOP], { env: environment, stdio: 'pipe', detached: true });
    // Where a process cannot be started, for want of memory or of descriptors, it has no pipes either.
    this.#shell.on('error', (error) => this.#end(error));
    this.#shell.on('close', () => this.#end(new Error('it was killed')));
    const stdout = new LineSplitter();
    const stderr = new LineSplitter();
    this.#shell.stdout?.on('data', (chunk: Buffer) => {
      for (const line of stdout.push(chunk)) this.#takeOutput(line);
    });
    this.#shell.stderr?.on('data', (chunk: Buffer) => {
      for (const line of stderr.push(chunk)) this.#takeError(line);
    });
    this.#shell.stdin?.on('error', () => undefined); // 'close' follows, and knows more
    this.#keepAlive(false);
  }

  get isGone(): boolean {
    return this.#gone !== undefined;
  }

  /**
   * Runs a program to its end, with nothing to read. Lines of its standard output go to `onLine` as they come, without empty ones.
   *
   * @throws Error when the shell or the program in it was killed with it.
   */
  async run(program: string, args: readonly string[], onLine: (line: string) => void): Promise<LaunchEnd> {
    invariant(this.#launched === undefined, 'a launcher runs one program at a time');
    if (this.#gone !== undefined) throw this.#gone;
    const { promise, resolve, reject } = Promise.withResolvers<LaunchEnd>();
    this.#launched = { onLine, stderr: [], ends: 0, shellStatus: 0, resolve, reject };
    this.#keepAlive(true);
    const command = [program, ...args].map(quoted).join(' ');
    // The fences begin lines of their own, whatever the program has printed last.
    this.#shell.stdin?.write(`${command} </dev/null; printf '\\n${FENCE} %d\\n' $?; printf '\\n${FENCE}\\n' >&2\n`);
    try {
      return await promise;
    } finally {
      this.#launched = undefined;
      this.#keepAlive(false);
    }
  }

  /** Ends the shell and the program that it runs, without waiting for what that may have started. */
  kill(reason: Error): void {
    killGroup(this.#shell);
    this.#end(reason);
  }

  #takeOutput(line: string): void {
    const launched = this.#launched;
    if (launched === undefined) return;
    if (!line.startsWith(FENCE)) {
      launched.onLine(line);
      return;
    }
    launched.shellStatus = Number(line.slice(FENCE.length));
    this.#takeEnd(launched);
  }

  #takeError(line: string): void {
    const launched = this.#launched;
    if (launched === undefined) return;
    if (line === FENCE) this.#takeEnd(launched);
    else launched.stderr.push(line);
  }

  #takeEnd(launched: Launched): void {
    launched.ends += 1;
    if (launched.ends < 2) return;
    launched.resolve({ shellStatus: launched.shellStatus, stderr: launched.stderr.join('\n') });
  }

  #end(error: Error): void {
    this.#gone ??= error;
    this.#launched?.reject(this.#gone);
  }

  /** Whether this process waits for the shell before it ends. */
  #keepAlive(isNeeded: boolean): void {
    for (const part of [this.#shell, this.#shell.stdin, this.#shell.stdout, this.#shell.stderr]) {
      if (part !== this.#shell && !(part instanceof Socket)) continue;
      if (isNeeded) part.ref();
      else part.unref();
    }
  }
}

/** Ends a process that was started `detached`, and all that it has started. */
export function killGroup({ pid }: ChildProcess): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // All of them are gone already.
  }
}

function quoted(word: string): string {
  invariant(!/[\n\0]/.test(word), 'an argument of a program is one line');
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
