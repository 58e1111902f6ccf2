import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Fault, messageOf } from '../../lib/fault.ts';
import { isRecord } from '../../lib/is-record.ts';
import { cidrOf, hostCidr } from '../../model/cidr.ts';
import { ipAddressOf } from '../../model/grammar.ts';
import { integer } from './encode.ts';

const run = promisify(execFile);

/** A route of ours in the kernel: a prefix, and as its metric the number of a profile. */
export interface KernelRoute {
  /** Canonical, as {@link cidrOf} writes it. */
  readonly prefix: string;
  readonly metric: number;
}

/** By whom the routes are, as `ip route` shows it: a number that no other program of Debian has. */
const PROTOCOL = 99;

/**
 * Where the rule stands that leads packets into the table: before the main table, whose default route would send those that are for no
 * port of a Service back to the router, and that one back here.
 */
const RULE_PRIORITY = 32_700;

/**
 * The routes that BIRD announces, in a routing table of the kernel that is to be ours alone. What another program has there all the same,
 * because the number was its own already, is neither seen nor touched. They lead nowhere: what is for a Service
 * has another destination before the kernel looks for a route, and what is left is dropped.
 */
export class KernelRoutes {
  readonly #table: number;
  readonly #enter: readonly string[];

  constructor(table: number, enter: readonly string[]) {
    this.#table = table;
    this.#enter = enter;
  }

  /** @throws Fault `routes` */
  async list(): Promise<readonly KernelRoute[]> {
    const families = await Promise.all(['-4', '-6'].map((family) => this.#listFamily(family)));
    return families.flat();
  }

  async #listFamily(family: string): Promise<readonly KernelRoute[]> {
    const command = ['-json', family, 'route', 'show', 'table', integer(this.#table), 'proto', String(PROTOCOL)];
    const written = await this.#ip(command, '').catch((thrown: unknown) => {
      // The kernel makes a table with its first route.
      if (messageOf(thrown).includes('FIB table does not exist')) return '[]';
      throw thrown;
    });
    const routes: unknown = JSON.parse(written.trim() === '' ? '[]' : written);
    return Array.isArray(routes) ? routes.flatMap(routeOf) : [];
  }

  /** Adds before it removes, so that a prefix that gets another metric is there all the time. @throws Fault `routes` */
  async change(added: readonly KernelRoute[], removed: readonly KernelRoute[]): Promise<void> {
    const place = `table ${integer(this.#table)}`;
    const line = (verb: string, { prefix, metric }: KernelRoute): string =>
      `route ${verb} blackhole ${prefix} ${place} metric ${integer(metric)} proto ${String(PROTOCOL)}`;
    const adding = added.map((route) => line('replace', route));
    if (adding.length > 0) await this.#ip(['-batch', '-'], adding.join('\n'));
    const removing = removed.map((route) => line('del', route));
    // One that somebody else has taken away in between is no mistake; what is still there is seen by the next look.
    if (removing.length > 0) await this.#ip(['-force', '-batch', '-'], removing.join('\n')).catch(() => '');
  }

  /** Whether the rules are there that lead packets of others into the table, of both families. @throws Fault `routes` */
  async hasRules(): Promise<boolean> {
    const found = await Promise.all(['-4', '-6'].map((family) => this.#ruleCount(family)));
    return found.every((count) => count > 0);
  }

  /** @throws Fault `routes` */
  async addRules(): Promise<void> {
    for (const family of ['-4', '-6'])
      if ((await this.#ruleCount(family)) === 0) await this.#ip([family, 'rule', 'add', ...this.#rule()], '');
  }

  /** Takes the routes and the rules away. Returns whether there were any. @throws Fault `routes` */
  async clear(): Promise<boolean> {
    const routes = await this.list();
    await this.change([], routes);
    let rules = 0;
    for (const family of ['-4', '-6'])
      for (let count = await this.#ruleCount(family); count > 0; count -= 1) {
        rules += 1;
        await this.#ip([family, 'rule', 'del', ...this.#rule()], '');
      }
    return routes.length + rules > 0;
  }

  /** What the node sends itself is excepted: it must find a route before its destination is changed. */
  #rule(): readonly string[] {
    return ['not', 'iif', 'lo', 'lookup', integer(this.#table), 'priority', String(RULE_PRIORITY)];
  }

  async #ruleCount(family: string): Promise<number> {
    const written = await this.#ip(['-json', family, 'rule', 'show', 'priority', String(RULE_PRIORITY)], '');
    const rules: unknown = JSON.parse(written.trim() === '' ? '[]' : written);
    const table = String(this.#table);
    return Array.isArray(rules) ? rules.filter((rule) => isRecord(rule) && String(rule['table']) === table).length : 0;
  }

  async #ip(args: readonly string[], input: string): Promise<string> {
    const [program = '', ...rest] = [...this.#enter, 'ip', ...args];
    const running = run(program, rest, { maxBuffer: 1 << 28 });
    running.child.stdin?.on('error', () => undefined);
    running.child.stdin?.end(input === '' ? '' : `${input}\n`);
    try {
      return (await running).stdout;
    } catch (thrown) {
      const said = thrown instanceof Error && 'stderr' in thrown ? String(thrown.stderr).trim() : '';
      throw new Fault('routes', `the kernel's routes cannot be changed: ${said || messageOf(thrown)}`);
    }
  }
}

/** iproute2 leaves out the length of a host's prefix, and writes `default` for the one of length 0. */
function routeOf(value: unknown): readonly KernelRoute[] {
  if (!isRecord(value) || typeof value['dst'] !== 'string') return [];
  const { dst, metric } = value;
  const ip = ipAddressOf(dst);
  const prefix = ip === undefined ? cidrOf(dst) : hostCidr(ip);
  return prefix === undefined ? [] : [{ prefix: prefix.text, metric: typeof metric === 'number' ? metric : 0 }];
}
