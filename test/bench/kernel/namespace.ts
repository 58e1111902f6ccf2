import { execFile, type ChildProcess, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { spawnBound } from '../../cluster/bound-process.ts';

const run = promisify(execFile);

/**
 * A network namespace without a name, which lives as long as the process in it: nothing of it is left behind, however the
 * benchmark ends. There is no way out of it but the links that are made between two of them.
 */
export class Namespace {
  readonly #holder: ChildProcess;

  private constructor(holder: ChildProcess) {
    this.#holder = holder;
  }

  static async open(sysctls: readonly string[]): Promise<Namespace> {
    const script = `ip link set lo up && sysctl -qw ${sysctls.join(' ')} && echo ready && exec cat`;
    const holder = spawnBound('unshare', ['--net', 'sh', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const [first] = await Promise.race([
      once(holder.stdout ?? holder, 'data'),
      once(holder, 'exit').then(() => ['could not make a network namespace']),
    ]);
    if (String(first) !== 'ready\n') throw new Error(String(first));
    return new Namespace(holder);
  }

  /** What `ip link … netns` takes. */
  get pid(): string {
    return String(this.#holder.pid);
  }

  /** Runs a command in it and returns what it printed. @throws Error when its status is not 0. */
  async run(command: readonly string[], stdin = ''): Promise<string> {
    return String(await this.#execute(command, stdin));
  }

  /** As {@link run}, for what is not text. */
  runBinary(command: readonly string[]): Promise<Buffer> {
    return this.#execute(command, '');
  }

  /** Starts a process in it, which ends with this one. */
  spawn(command: readonly string[], stdio: StdioOptions): ChildProcess {
    return spawnBound('nsenter', this.#arguments(command), { stdio });
  }

  async close(): Promise<void> {
    const exit = once(this.#holder, 'exit');
    this.#holder.kill('SIGKILL');
    await exit;
  }

  async #execute(command: readonly string[], stdin: string): Promise<Buffer> {
    const child = run('nsenter', this.#arguments(command), { encoding: 'buffer', maxBuffer: 1 << 28 });
    // A program that reads nothing may have ended before it is written to.
    child.child.stdin?.on('error', () => undefined).end(stdin);
    const { stdout } = await child;
    return stdout;
  }

  #arguments(command: readonly string[]): readonly string[] {
    return [`--net=/proc/${this.pid}/ns/net`, '--', ...command];
  }
}
