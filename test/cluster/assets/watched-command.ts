import { spawnBound } from '../bound-process.ts';

export interface WatchedCommand {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** What is being done, as a progress line begins. */
  readonly title: string;
  /** What a line of output counts as, if anything: `compiled`, `downloaded`. */
  readonly counts?: (line: string) => string | undefined;
  readonly report: (line: string) => void;
}

const progressIntervalMs = 10_000;
const tailLines = 15;

/**
 * Runs a command that takes minutes: reports at the start, every 10 s and at the end, and keeps the last
 * lines of output for the case that it fails.
 *
 * @throws Error that names the command and ends with those lines
 */
export async function runWatched(watched: WatchedCommand): Promise<void> {
  const { title, report } = watched;
  const output = new OutputSummary(watched.counts);
  const start = performance.now();
  const elapsed = (): string => formatDuration(performance.now() - start);
  report(`${title}…`);
  const progress = setInterval(
    () => report(`${title}: ${[...output.totals(), elapsed()].join(', ')}`),
    progressIntervalMs,
  );
  try {
    await run(watched, output);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error([`${title}: ${reason}`, ...output.tail].join('\n  '), { cause: error });
  } finally {
    clearInterval(progress);
  }
  report(`${title}: done in ${elapsed()}`);
}

function run({ command, args, cwd, env }: WatchedCommand, output: OutputSummary): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const child = spawnBound(command, args, { stdio: ['ignore', 'pipe', 'pipe'], cwd, env });
  child.stdout?.setEncoding('utf8').on('data', (text: string) => output.add(text));
  child.stderr?.setEncoding('utf8').on('data', (text: string) => output.add(text));
  child.on('error', reject);
  child.on('close', (code, signal) => {
    if (code === 0) resolve();
    else reject(new Error(`\`${[command, ...args].join(' ')}\` ended with ${signal ?? `status ${code}`}:`));
  });
  return promise;
}

/** How many lines of which kind a command wrote, and the last of those that are of no kind. */
class OutputSummary {
  readonly tail: string[] = [];
  readonly #counts: (line: string) => string | undefined;
  readonly #totals = new Map<string, number>();

  constructor(counts: (line: string) => string | undefined = () => undefined) {
    this.#counts = counts;
  }

  add(text: string): void {
    for (const line of text.split('\n')) {
      if (line.trim() === '') continue;
      const kind = this.#counts(line);
      if (kind !== undefined) this.#totals.set(kind, (this.#totals.get(kind) ?? 0) + 1);
      else this.tail.push(line);
    }
    this.tail.splice(0, this.tail.length - tailLines);
  }

  totals(): readonly string[] {
    return [...this.#totals].map(([kind, total]) => `${total} ${kind}`);
  }
}

function formatDuration(durationMs: number): string {
  const seconds = Math.round(durationMs / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}
