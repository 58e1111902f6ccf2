import { execFile, spawn, type ExecFileException } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { open, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { replaceFile } from '../../lib/durable.ts';
import { Fault } from '../../lib/fault.ts';
import { sleep } from '../../lib/sleep.ts';
import { signalProcess } from '../../lib/signal-process.ts';
import { RuntimeCli, SILENT } from './runtime-cli.ts';
import { PATIENCE, type EnginePatience } from './silence.ts';
import { FILES } from './files.ts';

/** Where the engine of one state directory lives. */
export interface EnginePaths {
  readonly haproxy: string;
  /** Words before the command line of HAProxy, which keep it from files that are not its own; none: it is not kept from any. */
  readonly confinement?: readonly string[];
  readonly stateDirectory: string;
  /** Absolute path of the runtime CLI's socket. */
  readonly adminSocket: string;
}

/** A HAProxy process that answers on its runtime CLI. */
export interface EngineProcess {
  readonly pid: number;
  readonly cli: RuntimeCli;
}

/** What there is on a state directory: no HAProxy, one that answers, or one that does not, whose process may not be known. */
export type FoundEngine =
  | { readonly kind: 'none' }
  | { readonly kind: 'answers'; readonly pid: number }
  | { readonly kind: 'silent'; readonly pid: number | undefined };

/** How a HAProxy is started. */
export interface EngineStart {
  /** The folder of a checkpoint. */
  readonly checkpoint: string;
  /** The fixed part of the configuration, see skeleton.ts. */
  readonly skeleton: string;
  /** The process that hands over to it; undefined when nobody has the ports. */
  readonly handsOver: number | undefined;
  readonly patience: EnginePatience;
  readonly signal: AbortSignal;
}

const START_DEADLINE_MS = 60_000;

/** Code of the Fault about a HAProxy that does not come up. */
export const NOT_STARTED = 'haproxy-start';

/**
 * Starts HAProxy on a checkpoint. One that is running hands its listening sockets over
 * and finishes what it has (`-x`, `-sf`): no connection is refused in between.
 *
 * The process is detached and outlives Sluice, so that a crash or upgrade of Sluice cuts nothing.
 *
 * @throws Fault `haproxy-start` with what HAProxy printed, when it does not come up; what the file system throws
 */
export async function startEngine(
  paths: EnginePaths,
  { checkpoint, skeleton, handsOver, patience, signal }: EngineStart,
): Promise<EngineProcess> {
  await putSkeleton(checkpoint, skeleton);
  const handOver = handsOver === undefined ? [] : ['-x', paths.adminSocket, '-sf', String(handsOver)];
  const logPath = join(paths.stateDirectory, 'haproxy.log');
  // A full disk takes no log, and may have what is to be served.
  const log = await open(logPath, 'w', 0o600).catch(() => undefined);
  const output = log?.fd ?? 'ignore';
  const words = [...(paths.confinement ?? []), paths.haproxy, '-db', ...configArguments(checkpoint), ...handOver];
  const [program = paths.haproxy, ...args] = words;
  const child = spawn(program, args, {
    detached: true,
    stdio: ['ignore', output, output],
    cwd: checkpoint,
    // The access log has the time of the zone that HAProxy finds itself in.
    env: { ...process.env, TZ: 'UTC' },
  });
  let ended: string | undefined;
  child.on('error', (error) => (ended = error.message));
  child.on('exit', (code, killedBy) => (ended ??= `ended with ${killedBy ?? `code ${String(code)}`}`));
  child.unref();
  await log?.close();
  const deadlineMs = performance.now() + START_DEADLINE_MS;
  while (ended === undefined && performance.now() < deadlineMs && !signal.aborted) {
    const cli = await tryOpen(paths.adminSocket, child.pid, patience.answerMs);
    if (cli !== undefined && child.pid !== undefined) {
      // Needed only to end a process that does not answer any more.
      await writeFile(pidPath(paths), `${String(child.pid)}\n`, { mode: 0o600 }).catch(() => undefined);
      return { pid: child.pid, cli };
    }
    await sleep(5, signal);
  }
  child.kill('SIGKILL');
  throw new Fault(NOT_STARTED, await startFailure(paths, logPath, ended));
}

/**
 * Has HAProxy read a checkpoint: undefined when it would start on it, otherwise what it has against it.
 *
 * @throws Fault `haproxy-check` when it gives no answer within `deadlineMs`, is killed or cannot be run: no object is to blame for that;
 *   what the file system throws
 */
export async function checkConfig(
  haproxy: string,
  checkpoint: string,
  skeleton: string,
  deadlineMs: number = START_DEADLINE_MS,
): Promise<string | undefined> {
  await putSkeleton(checkpoint, skeleton);
  const options = {
    cwd: checkpoint,
    timeout: deadlineMs,
    killSignal: 'SIGKILL',
    maxBuffer: MOST_PRINTED_BYTES,
  } as const;
  return new Promise((resolve, reject) => {
    execFile(haproxy, ['-c', ...configArguments(checkpoint)], options, (error, _, printed) => {
      if (error === null) resolve(undefined);
      // Only an exit code, which is a number, is an answer.
      else if (typeof error.code === 'number') resolve(alertsIn(printed).join('; ') || error.message);
      else reject(new Fault('haproxy-check', checkFailure(haproxy, error, deadlineMs)));
    });
  });
}

/** An alert for every object is far less. */
const MOST_PRINTED_BYTES = 64 * 1024 * 1024;

function checkFailure(haproxy: string, error: ExecFileException, deadlineMs: number): string {
  const how =
    error.killed === true && typeof error.code !== 'string'
      ? `did not end within ${String(deadlineMs / 1000)} seconds`
      : typeof error.signal === 'string'
        ? `was ended by ${error.signal}`
        : `could not be run: ${error.message}`;
  return `${haproxy} was to say which object it refuses, and ${how}`;
}

/** The arguments that have HAProxy read a checkpoint with its skeleton. */
export function configArguments(checkpoint: string): readonly string[] {
  return ['-f', join(checkpoint, FILES.skeleton), '-f', join(checkpoint, FILES.backends)];
}

/** What goes with every skeleton, whatever the flags. */
const LUA = readFileSync(new URL('lua/sluice.lua', import.meta.url), 'utf8');

/** Puts the skeleton into a checkpoint; one that is there already needs no disk that takes anything. @throws what the file system throws */
export async function putSkeleton(checkpoint: string, skeleton: string): Promise<void> {
  await putFile(join(checkpoint, FILES.lua), LUA);
  await putFile(join(checkpoint, FILES.skeleton), skeleton);
}

async function putFile(path: string, text: string): Promise<void> {
  if ((await readFile(path, 'utf8').catch(() => undefined)) === text) return;
  await replaceFile(path, text);
}

async function startFailure(paths: EnginePaths, logPath: string, ended: string | undefined): Promise<string> {
  const output = await readFile(logPath, 'utf8').catch(() => '');
  const reasons = alertsIn(output);
  const detail = reasons.length > 0 ? reasons.join('; ') : (ended ?? 'it does not answer');
  const hint =
    detail.includes('cannot bind') || detail.includes('Address already in use')
      ? ' Another program has the port: stop it, or choose others with --http-port and --https-port.'
      : '';
  return `${paths.haproxy} did not start: ${detail}.${hint}`;
}

/** What only sums up other alerts. */
const SUMS_UP = /Exiting$|Error\(s\) found in configuration file|Fatal errors found in configuration/;

/** Why HAProxy does not start, in its words. What it has against a list goes on in the lines below, which do not begin with a level. */
function alertsIn(printed: string): readonly string[] {
  const alerts = printed
    .split(/\n(?=\[|.*ld\.so)/)
    .filter((entry) => entry.startsWith('[ALERT]') || entry.includes('ld.so'))
    .map((entry) =>
      entry
        .replace(/^\[ALERT\]\s*\(\d+\)\s*:\s*/, '')
        .replaceAll(/\s+/g, ' ')
        .trim()
        .replace(/\.$/, ''),
    );
  const reasons = alerts.filter((alert) => !SUMS_UP.test(alert));
  return reasons.length > 0 ? reasons : alerts;
}

/** A CLI that is the one of process `pid`; undefined while another process or none answers there. */
async function tryOpen(
  adminSocket: string,
  pid: number | undefined,
  answerMs: number,
): Promise<RuntimeCli | undefined> {
  try {
    const cli = await RuntimeCli.open(adminSocket, answerMs);
    if ((await pidOf(cli)) === pid) return cli;
    cli.close();
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
  }
  return undefined;
}

/** The HAProxy on a state directory, which an earlier Sluice may have left running. */
export async function findEngine(paths: EnginePaths, answerMs: number = PATIENCE.answerMs): Promise<FoundEngine> {
  try {
    const cli = await RuntimeCli.open(paths.adminSocket, answerMs);
    const pid = await pidOf(cli);
    cli.close();
    return pid === undefined ? { kind: 'none' } : { kind: 'answers', pid };
  } catch (thrown) {
    if (!(thrown instanceof Fault)) throw thrown;
    return thrown.code === SILENT ? { kind: 'silent', pid: await recordedPid(paths) } : { kind: 'none' };
  }
}

async function pidOf(cli: RuntimeCli): Promise<number | undefined> {
  const [info = ''] = await cli.send(['show info']);
  const pid = /^Pid: (\d+)$/m.exec(info)?.[1];
  return pid === undefined ? undefined : Number(pid);
}

/** The process that was started last; undefined when it has ended, and another program may be called by its number. */
async function recordedPid(paths: EnginePaths): Promise<number | undefined> {
  const pid = Number(await readFile(pidPath(paths), 'utf8').catch(() => ''));
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const commandLine = await readFile(`/proc/${String(pid)}/cmdline`, 'utf8').catch(() => '');
  return commandLine.includes(`${paths.stateDirectory}/`) ? pid : undefined;
}

/**
 * Ends a process that does not answer, and returns when it has let go of its ports: only then can another one have them. One that still
 * heeds signals finishes the requests that it has (SIGUSR1); any other is killed.
 *
 * @throws Fault when it does not end, as one that waits for a disk
 */
export async function endSilentEngine(paths: EnginePaths, pid: number, { letGoMs }: EnginePatience): Promise<void> {
  for (const signal of ['SIGUSR1', 'SIGKILL'] as const) {
    signalProcess(pid, signal);
    const deadlineMs = performance.now() + letGoMs;
    while (performance.now() < deadlineMs) {
      if ((await findEngine(paths, letGoMs / 10)).kind === 'none') return;
      await sleep(20);
    }
  }
  const message = `HAProxy (process ${String(pid)}) neither answers nor ends when it is killed, and nothing can be served in its place: the machine does not let go of it, as when a disk is gone. Mend that, or start the machine anew.`;
  throw new Fault(SILENT, message);
}

/** Asks the engine to finish its connections and end (SIGUSR1); after `graceMs`, or once `cut` is aborted, it is killed. */
export async function stopEngine(pid: number, graceMs: number, cut?: AbortSignal): Promise<void> {
  if (!signalProcess(pid, 'SIGUSR1')) return;
  const deadlineMs = performance.now() + graceMs;
  while (performance.now() < deadlineMs && cut?.aborted !== true) {
    if (!signalProcess(pid, 0)) return;
    await sleep(20, cut);
  }
  signalProcess(pid, 'SIGKILL');
}

function pidPath(paths: EnginePaths): string {
  return join(paths.stateDirectory, 'haproxy.pid');
}
