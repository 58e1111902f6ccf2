import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { Fault, messageOf } from '../../../lib/fault.ts';
import { LineSplitter } from '../../../lib/line-splitter.ts';
import { killGroup, Launcher } from './launcher.ts';

/** How a program of the machine ended and what it said. */
export interface ProgramEnd {
  /** Exit status; undefined when a signal ended it, which a status of 128 and more is taken for. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ProgramInput {
  readonly stdin?: string;
  /** Takes the lines of the standard output as they come, without empty ones; they then stay out of the result. */
  readonly onLine?: (line: string) => void;
  /** When to give up; 60 s unless told. */
  readonly limitMs?: number;
}

const LIMIT_MS = 60_000;

/** Debian keeps what only root needs in the sbin folders, which not every service manager puts on PATH. */
const SEARCH_PATH = [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(delimiter);

/** What programs of the machine run with: messages in English, since some are read, and no file of a user's home. */
export const programEnvironment: Readonly<Record<string, string>> = {
  PATH: SEARCH_PATH,
  LC_ALL: 'C',
  // A folder that can not be, so that nft -i neither reads nor writes a history file.
  HOME: '/dev/null',
};

/** The absolute path of `program`; undefined when the machine has none. */
export async function findProgram(program: string): Promise<string | undefined> {
  for (const folder of SEARCH_PATH.split(delimiter)) {
    if (folder === '') continue;
    const path = join(folder, program);
    const isThere = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  return undefined;
}

/**
 * Runs `program` to its end, in the network namespace of this process.
 *
 * @throws Fault `program-failed` when it can not be started or takes too long; an exit status is for the caller to judge.
 */
export async function runProgram(
  program: string,
  args: readonly string[],
  { stdin, onLine, limitMs = LIMIT_MS }: ProgramInput = {},
): Promise<ProgramEnd> {
  try {
    return stdin === undefined
      ? await launch(program, args, onLine, limitMs)
      : await feed(program, args, stdin, onLine, limitMs);
  } catch (thrown) {
    throw new Fault('program-failed', `cannot run ${program}: ${messageOf(thrown)}`, { cause: thrown });
  }
}

/** Launchers that run nothing now: as many as there ever were programs at the same time. */
const idle: Launcher[] = [];

async function launch(
  program: string,
  args: readonly string[],
  onLine: ProgramInput['onLine'],
  limitMs: number,
): Promise<ProgramEnd> {
  const launcher = idleLauncher();
  const limit = setTimeout(() => launcher.kill(tookTooLong(limitMs)), limitMs);
  const lines: string[] = [];
  try {
    const { shellStatus, stderr } = await launcher.run(program, args, onLine ?? ((line) => void lines.push(line)));
    if (shellStatus === 126 || shellStatus === 127) throw new Error(stderr);
    return { status: shellStatus < 128 ? shellStatus : undefined, stdout: lines.join('\n'), stderr };
  } finally {
    clearTimeout(limit);
    if (!launcher.isGone) idle.push(launcher);
  }
}

/** One that may have been killed meanwhile, as by a service manager that ends all processes of a service, is left out. */
function idleLauncher(): Launcher {
  for (let launcher = idle.pop(); launcher !== undefined; launcher = idle.pop()) if (!launcher.isGone) return launcher;
  return new Launcher(programEnvironment);
}

/** With something to read, which a launcher has not. */
async function feed(
  program: string,
  args: readonly string[],
  stdin: string,
  onLine: ProgramInput['onLine'],
  limitMs: number,
): Promise<ProgramEnd> {
  const child = spawn(program, args, { env: programEnvironment, stdio: 'pipe', detached: true });
  const limit = setTimeout(() => killGroup(child), limitMs);
  try {
    // Who ends without reading everything closes the pipe early; its exit status says why.
    child.stdin.on('error', () => undefined);
    child.stdin.end(stdin);
    const [stdout, stderr] = await Promise.all([
      onLine === undefined ? text(child.stdout) : passLines(child.stdout, onLine),
      text(child.stderr),
      child.exitCode === null && child.signalCode === null ? once(child, 'close') : undefined,
    ]);
    if (child.signalCode === 'SIGKILL') throw tookTooLong(limitMs);
    return { status: child.exitCode ?? undefined, stdout, stderr };
  } finally {
    clearTimeout(limit);
  }
}

function tookTooLong(limitMs: number): Error {
  return new Error(`it was killed, or took more than ${String(limitMs / 1000)} s`);
}

async function passLines(stream: AsyncIterable<Buffer>, onLine: (line: string) => void): Promise<string> {
  const splitter = new LineSplitter();
  for await (const chunk of stream) for (const line of splitter.push(chunk)) onLine(line);
  return '';
}
