import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask } from '../../../src/planes/bgp/control.ts';

/** What the router has by itself, and tells whoever is told anything. */
export const ROUTER_PREFIX = '198.18.0.0/24';

/** A route that the router has learned, with what it came with. */
export interface LearnedRoute {
  readonly prefix: string;
  /** Where each of its ways leads, sorted. */
  readonly via: readonly string[];
  /** Of all its ways: `65000:1`, `large:1:2:3`, sorted. */
  readonly communities: readonly string[];
  readonly localPrefs: readonly number[];
}

/** One neighbour as the router has it, in the words of bird.conf. */
export interface RouterPeer {
  readonly name: string;
  /** What stands in its `protocol bgp` besides the channels. */
  readonly lines: readonly string[];
  /** Default: both. */
  readonly channels?: readonly ('ipv4' | 'ipv6')[];
  /** What stands in each channel besides. */
  readonly channelLines?: string;
}

/** A router that takes every route of its peers into its kernel, over all ways at once: BIRD, as the top of a rack may run it. */
export class BirdRouter {
  readonly #enter: readonly string[];
  readonly #folder: string;
  readonly #id: string;
  #child: ChildProcess | undefined;

  private constructor(enter: readonly string[], folder: string, id: string) {
    this.#enter = enter;
    this.#folder = folder;
    this.#id = id;
  }

  /** @param namespace the file of the network namespace */
  static async start(namespace: string, id: string, peers: readonly RouterPeer[]): Promise<BirdRouter> {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-router-'));
    const router = new BirdRouter(['nsenter', `--net=${namespace}`], folder, id);
    await router.#write(peers);
    await router.run();
    return router;
  }

  /** Starts it, or starts it again. */
  async run(): Promise<void> {
    const files = ['-c', join(this.#folder, 'bird.conf'), '-s', this.#socket, '-P', join(this.#folder, 'bird.pid')];
    const [program = '', ...args] = [...this.#enter, 'bird', '-f', ...files];
    this.#child = spawn(program, args, { stdio: 'ignore' });
    for (let tries = 0; tries < 200; tries += 1) {
      const isThere = await ask(this.#socket, 'show status').then(
        () => true,
        () => false,
      );
      if (isThere) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error('the router does not start');
  }

  async configure(peers: readonly RouterPeer[]): Promise<void> {
    await this.#write(peers);
    await ask(this.#socket, 'configure');
  }

  /** Its answer to a command, as lines. */
  async ask(command: string): Promise<readonly string[]> {
    return (await ask(this.#socket, command)).map(({ text }) => text);
  }

  async isUp(peer: string): Promise<boolean> {
    return (await this.ask(`show protocols ${peer}`)).some((line) => /\bEstablished\b/.test(line));
  }

  /** How often the session has come about: one that ends and comes again does so once more. Its time moves with the clock of the machine. */
  async timesUp(peer: string): Promise<number> {
    const log = await readFile(join(this.#folder, 'bird.log'), 'utf8');
    return log.split(` ${peer}: State changed to up`).length - 1;
  }

  /** What it has learned, by prefix. */
  async routes(): Promise<ReadonlyMap<string, LearnedRoute>> {
    const found = new Map<string, LearnedRoute>();
    let prefix = '';
    for (const line of (await this.ask('show route all')).map((text) => text.trim())) {
      const [, begun] = /^(\S+\/\d+)\s/.exec(line) ?? [];
      if (begun !== undefined) prefix = begun;
      const [, via] = /^via (\S+) on/.exec(line) ?? [];
      const [, names] = /^BGP\.community:\s*(.*)$/.exec(line) ?? [];
      const [, large] = /^BGP\.large_community:\s*(.*)$/.exec(line) ?? [];
      const [, pref] = /^BGP\.local_pref:\s*(\d+)$/.exec(line) ?? [];
      const before = found.get(prefix) ?? { prefix, via: [], communities: [], localPrefs: [] };
      if (prefix === '') continue;
      const marks = [
        ...Array.from((names ?? '').matchAll(/\((\d+),(\d+)\)/g), ([, ...numbers]) => numbers.join(':')),
        ...Array.from(
          (large ?? '').matchAll(/\((\d+), (\d+), (\d+)\)/g),
          ([, ...numbers]) => `large:${numbers.join(':')}`,
        ),
      ];
      found.set(prefix, {
        prefix,
        via: via === undefined ? before.via : [...new Set([...before.via, via])].sort(),
        communities: [...new Set([...before.communities, ...marks])].sort(),
        localPrefs: pref === undefined ? before.localPrefs : [...before.localPrefs, Number(pref)],
      });
    }
    return found;
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    if (signal !== 'SIGSTOP') await once(child, 'exit');
  }

  async stop(): Promise<void> {
    await this.kill('SIGKILL');
    await rm(this.#folder, { recursive: true, force: true });
  }

  get #socket(): string {
    return join(this.#folder, 'bird.ctl');
  }

  async #write(peers: readonly RouterPeer[]): Promise<void> {
    const sections = peers.map(({ name, lines, channels = ['ipv4', 'ipv6'], channelLines = '' }) => {
      const own = channels.map((channel) => `${channel} { import all; export none; ${channelLines} };`);
      return `protocol bgp ${name} {\n${[...lines, 'connect delay time 1;', 'connect retry time 1;', 'error wait time 1, 2;', 'debug { states };', ...own].join('\n')}\n}`;
    });
    const kernels = ['ipv4', 'ipv6'].map((family) => `protocol kernel { merge paths on; ${family} { export all; }; }`);
    const text = [
      `router id ${this.#id};`,
      `log "${this.#folder}/bird.log" all;`,
      'protocol device {}',
      'protocol bfd {}',
      // Of its own, which nodes have no business with.
      `protocol static { ipv4; route ${ROUTER_PREFIX} blackhole; }`,
      ...kernels,
      ...sections,
    ];
    await writeFile(join(this.#folder, 'bird.conf'), `${text.join('\n')}\n`);
  }
}
