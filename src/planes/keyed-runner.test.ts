import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Fault } from '../lib/fault.ts';
import { silentLogger, type LogFields, type Logger } from '../lib/logger.ts';
import { PersistentMap } from '../lib/persistent-map.ts';
import type { ItemWrite, KeyedPlane } from './keyed-plane.ts';
import { KeyedRunner, type KeyedRunnerOptions } from './keyed-runner.ts';

interface Wish {
  readonly text: string;
}

/** Texts by key. Each write takes a while, may be refused, and shows at once to whoever observes. */
class Board implements KeyedPlane<Wish, string> {
  readonly name = 'board';
  renewAfterMs: number | undefined;
  readonly texts = new Map<string, string>();
  readonly writes: string[] = [];
  readonly refused = new Map<string, Fault>();
  trouble: Error | undefined;
  /** Writes wait for it. */
  gate: Promise<void> = Promise.resolve();
  peak = 0;
  peakOfOne = 0;
  readonly #underWay: string[] = [];

  compare(_key: string, want: Wish | undefined, seen: string | undefined): ItemWrite<string> | undefined {
    if ((want?.text ?? '') === (seen ?? '')) return undefined;
    return () => this.write(want?.text ?? '');
  }

  concernsAll(fault: Fault): boolean {
    return fault.code === 'away';
  }

  otherWriter(): string {
    return 'somebody';
  }

  async write(text: string): Promise<string> {
    // A text is `key:version`; a withdrawal has no key, and the tests that need one have a single item.
    const key = text.split(':')[0] ?? '';
    this.writes.push(text);
    this.#underWay.push(key);
    this.peak = Math.max(this.peak, this.#underWay.length);
    this.peakOfOne = Math.max(this.peakOfOne, this.#underWay.filter((other) => other === key).length);
    try {
      await this.gate;
      const refusal = this.trouble ?? this.refused.get(key);
      if (refusal !== undefined) throw refusal;
      this.texts.set(key, text);
      return text;
    } finally {
      this.#underWay.splice(this.#underWay.indexOf(key), 1);
    }
  }

  count(text: string): number {
    return this.writes.filter((written) => written === text).length;
  }
}

class LogLines implements Logger {
  readonly lines: string[] = [];
  debug(): void {}
  info(message: string): void {
    this.lines.push(message);
  }
  warn(message: string, fields: LogFields = {}): void {
    this.lines.push(`${message} ${JSON.stringify(fields)}`);
  }
  error(): void {}
  with(): Logger {
    return this;
  }
}

const keys = Array.from({ length: 1_000 }, (_, index) => `k${String(index)}`);

function wishes(names: readonly string[], version = 'a'): PersistentMap<Wish> {
  return PersistentMap.from(names.map((name) => [name, { text: `${name}:${version}` }] as const));
}

describe('KeyedRunner', () => {
  const ends: (() => Promise<void>)[] = [];
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
  afterEach(async () => {
    for (const end of ends.splice(0)) await end();
    vi.useRealTimers();
  });

  function scene(options: Partial<KeyedRunnerOptions> = {}): {
    readonly board: Board;
    readonly runner: KeyedRunner<Wish, string>;
    readonly running: Promise<void>;
    readonly end: () => Promise<void>;
  } {
    const board = new Board();
    const runner = new KeyedRunner(board, {
      logger: silentLogger,
      events: { applied: () => {}, failed: () => {} },
      rate: { perSecond: 10_000, burst: 10_000 },
      mayWrite: () => true,
      ...options,
    });
    const stopping = new AbortController();
    const running = runner.run(stopping.signal);
    running.catch(() => {});
    const end = async (): Promise<void> => {
      stopping.abort();
      await running.catch(() => {});
    };
    ends.push(end);
    return { board, runner, running, end };
  }

  /** While the first write waits for its gate. */
  async function duringWrite(): Promise<ReturnType<typeof scene> & { readonly gate: PromiseWithResolvers<void> }> {
    const begun = scene();
    const gate = Promise.withResolvers<void>();
    begun.board.gate = gate.promise;
    begun.runner.want(wishes(['x']));
    begun.runner.start();
    await pass(0);
    return { ...begun, gate };
  }

  const pass = async (durationMs: number): Promise<void> => void (await vi.advanceTimersByTimeAsync(durationMs));

  it('writes nothing before it is started, and everything that is wanted then', async () => {
    const { board, runner } = scene();
    runner.want(wishes(['x', 'y']));
    await pass(1_000);
    expect(board.writes).toEqual([]);
    runner.start();
    await pass(0);
    expect(board.writes.toSorted()).toEqual(['x:a', 'y:a']);
    expect(runner.backlog).toBe(0);
  });

  it('writes nothing that the world shows already, and nothing twice', async () => {
    const { board, runner } = scene();
    runner.observe(PersistentMap.from([['x', 'x:a']]));
    runner.want(wishes(['x', 'y']));
    runner.start();
    await pass(0);
    expect(board.writes).toEqual(['y:a']);
    runner.want(wishes(['x', 'y']));
    runner.observe(PersistentMap.from([...board.texts, ['x', 'x:a']]));
    await pass(100_000);
    expect(board.writes).toEqual(['y:a']);
  });

  it('heals what another writer spoils, and takes back what is not wanted any more', async () => {
    const { board, runner } = scene();
    runner.want(wishes(['x']));
    runner.start();
    await pass(0);
    runner.observe(PersistentMap.from([['x', 'spoilt']]));
    await pass(0);
    expect(board.writes).toEqual(['x:a', 'x:a']);
    runner.want(PersistentMap.empty());
    await pass(0);
    expect(board.writes).toEqual(['x:a', 'x:a', '']);
  });

  it('writes each of 1,000 items once although one is refused, which it tries again later and later', async () => {
    const { board, runner } = scene();
    board.refused.set('k500', new Fault('refused', 'no'));
    runner.want(wishes(keys));
    runner.start();
    await pass(1_000);
    const others = keys.filter((key) => key !== 'k500');
    expect(others.map((key) => board.count(`${key}:a`))).toEqual(others.map(() => 1));
    await pass(3_600_000);
    expect(board.writes.length - others.length).toBeGreaterThan(10);
    // At its longest a pause is two minutes, and half of that on average: some sixty tries in an hour.
    expect(board.writes.length - others.length).toBeLessThan(200);
    expect(runner.backlog).toBe(1);
    board.refused.clear();
    await pass(120_000);
    expect(board.texts.get('k500')).toBe('k500:a');
    expect(runner.backlog).toBe(0);
  });

  it('writes the newest wish, one at a time for each item', async () => {
    const { board, runner, gate } = await duringWrite();
    for (const version of ['b', 'c', 'd']) runner.want(wishes(['x'], version));
    await pass(1_000);
    expect(board.writes).toEqual(['x:a']);
    gate.resolve();
    await pass(0);
    expect(board.writes).toEqual(['x:a', 'x:d']);
    expect(board.peakOfOne).toBe(1);
  });

  it('believes what is observed during a write, not the answer that may be older', async () => {
    const { board, runner, gate } = await duringWrite();
    runner.observe(PersistentMap.from([['x', 'spoilt after our write']]));
    gate.resolve();
    await pass(0);
    expect(board.writes).toEqual(['x:a', 'x:a']);
  });

  it('has few writes under way at once, and keeps to its rate', async () => {
    const { board, runner } = scene({ rate: { perSecond: 20, burst: 100 } });
    runner.want(wishes(keys));
    runner.start();
    await pass(0);
    expect(board.writes).toHaveLength(100);
    expect(runner.backlog).toBe(900);
    await pass(10_000);
    expect(board.writes).toHaveLength(300);
    expect(board.peak).toBe(8);
  });

  it('drops what is queued when the lead is lost: at most the writes under way still go out', async () => {
    const { board, runner } = scene();
    const gate = Promise.withResolvers<void>();
    board.gate = gate.promise;
    runner.want(wishes(keys));
    runner.start();
    await pass(0);
    runner.stop();
    gate.resolve();
    await pass(600_000);
    expect(board.writes).toHaveLength(8);
    runner.start();
    await pass(1_000);
    expect(new Set(board.writes).size).toBe(1_000);
  });

  it('asks before each write whether it may', async () => {
    let isLeading = true;
    const { board, runner } = scene({ mayWrite: () => isLeading });
    const gate = Promise.withResolvers<void>();
    board.gate = gate.promise;
    runner.want(wishes(keys));
    runner.start();
    await pass(0);
    // As a process that was suspended past its deadline, and has not noticed yet.
    isLeading = false;
    gate.resolve();
    await pass(10_000);
    expect(board.writes).toHaveLength(8);
    isLeading = true;
    await pass(1_000);
    expect(board.writes).toHaveLength(1_000);
  });

  it('has all wait while nothing can be written, tries with one, and goes on when that succeeds', async () => {
    const logger = new LogLines();
    const { board, runner } = scene({ logger });
    board.trouble = new Fault('away', 'nobody answers');
    runner.want(wishes(keys));
    runner.start();
    await pass(600_000);
    // Eight at first, then one after each pause of up to 30 seconds.
    expect(board.writes.length).toBeGreaterThan(10);
    expect(board.writes.length).toBeLessThan(200);
    expect(logger.lines).toHaveLength(1);
    board.trouble = undefined;
    await pass(60_000);
    expect(board.texts.size).toBe(1_000);
    expect(logger.lines).toEqual([expect.stringMatching('nothing can be written'), 'writes succeed again']);
  });

  it('stays away for as long as it is asked to', async () => {
    const { board, runner } = scene();
    board.trouble = new Fault('away', 'too many requests', { retryAfterMs: 20_000 });
    runner.want(wishes(keys));
    runner.start();
    await pass(19_000);
    expect(board.writes).toHaveLength(8);
    await pass(2_000);
    expect(board.writes).toHaveLength(9);
  });

  it('is not stopped again and again by one item that is answered as if nothing could be written', async () => {
    const { board, runner } = scene();
    board.refused.set('k0', new Fault('away', 'no, for this one alone'));
    runner.want(wishes(keys));
    runner.start();
    await pass(5_000);
    expect(board.texts.size).toBe(999);
    await pass(3_600_000);
    expect(board.count('k0:a')).toBeLessThan(600);
  });

  it('writes less and less often where another writer keeps undoing it, and names him once', async () => {
    const logger = new LogLines();
    const { board, runner } = scene({ logger });
    runner.want(wishes(['x', 'y']));
    runner.start();
    for (let second = 0; second < 3_600; second += 1) {
      runner.observe(PersistentMap.from([['x', `undone ${String(second)}`]]));
      await pass(1_000);
    }
    expect(board.count('x:a')).toBeGreaterThan(10);
    expect(board.count('x:a')).toBeLessThan(40);
    expect(logger.lines).toEqual([expect.stringContaining('"item":"x","otherWriter":"somebody"')]);
  });

  it('writes again after a while what the world forgets, and a new wish at once', async () => {
    const { board, runner } = scene();
    board.renewAfterMs = 60_000;
    runner.want(wishes(['x']));
    runner.start();
    await pass(59_000);
    expect(board.writes).toEqual(['x:a']);
    await pass(2_000);
    expect(board.writes).toEqual(['x:a', 'x:a']);
    runner.want(wishes(['x'], 'b'));
    await pass(0);
    expect(board.writes).toEqual(['x:a', 'x:a', 'x:b']);
    runner.want(PersistentMap.empty());
    board.compare = () => undefined;
    runner.want(wishes(['y']));
    await pass(600_000);
    expect(board.writes).toHaveLength(4);
  });

  it('ends with what is not a Fault, and by itself when it is told to', async () => {
    const { board, runner, running } = scene();
    board.trouble = new TypeError('a bug');
    runner.want(wishes(['x']));
    runner.start();
    await expect(running).rejects.toThrow('a bug');
    const other = scene();
    other.runner.want(wishes(keys));
    other.runner.start();
    await other.end();
    const written = other.board.writes.length;
    await pass(60_000);
    expect(other.board.writes).toHaveLength(written);
  });
});
