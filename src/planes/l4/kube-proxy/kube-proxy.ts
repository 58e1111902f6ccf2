import { Fault } from '../../../lib/fault.ts';
import { isRecord } from '../../../lib/is-record.ts';
import { cleanUps, tablesOfKubeProxy } from './iptables-rules.ts';
import { FAMILIES, WORDS } from '../rules/names.ts';
import { hasInterface } from '../kernel/interfaces.ts';
import { findProgram, runProgram, type ProgramInput } from '../kernel/run-program.ts';

/** kube-proxy's table in its nftables mode, one for each family. */
const TABLE = 'kube-proxy';

/** The interface that holds all addresses of Services in its ipvs mode. */
const IPVS_INTERFACE = 'kube-ipvs0';

/** The sets of its ipvs mode; kube-router has others whose names begin with KUBE- as well. */
const IP_SET =
  /^KUBE-(?:6-)?(?:LOOP-BACK|CLUSTER-IP|EXTERNAL-IP|LOAD-BALANCER|NODE-PORT|HEALTH-CHECK-NODE-PORT|IPVS-IPS)(?:-[A-Z-]+)?$/;

/**
 * Where kube-proxy programs the network namespace of this process: a line each, such as `nft table ip kube-proxy`. Empty when it does
 * not. What programs the machine lacks can not be looked at with.
 *
 * @throws Fault `kube-proxy-unknown` when a program that should tell fails.
 */
export async function findKubeProxy(): Promise<readonly string[]> {
  const found = (await nftTables()).map((table) => `nft table ${table}`);
  for (const program of await iptablesPrograms()) {
    const tables = tablesOfKubeProxy(await run(`${program}-save`, []));
    found.push(...tables.map((table) => `${program} table ${table}`));
  }
  if (await hasInterface(IPVS_INTERFACE)) found.push(`interface ${IPVS_INTERFACE}`);
  return found;
}

/**
 * Takes away what {@link findKubeProxy} finds, and its sets, and nothing else; each table as a whole or not at all. It must have been
 * stopped before, or it makes all of it anew. Virtual servers of IPVS stay, which get no packets without their interface.
 *
 * @returns what was removed, a line each.
 * @throws Fault `kube-proxy-unknown` when a program fails; some may have been removed then, and a second call does the rest.
 */
export async function removeKubeProxy(): Promise<readonly string[]> {
  const removed: string[] = [];
  const tables = await nftTables();
  if (tables.length > 0) {
    await run('nft', ['-f', '-'], { stdin: tables.map((table) => `delete table ${table}\n`).join('') });
    removed.push(...tables.map((table) => `nft table ${table}`));
  }
  for (const program of await iptablesPrograms()) {
    for (const { table, script, chains, rules } of cleanUps(await run(`${program}-save`, []))) {
      await run(`${program}-restore`, ['--noflush', '--wait', '10'], { stdin: script });
      removed.push(`${program} table ${table}: ${String(chains)} chains, and ${String(rules)} rules that led to them`);
    }
  }
  removed.push(...(await removeIpSets()));
  if (await hasInterface(IPVS_INTERFACE)) {
    await run('ip', ['link', 'delete', IPVS_INTERFACE]);
    removed.push(`interface ${IPVS_INTERFACE}`);
  }
  return removed;
}

/** `ip kube-proxy`, `ip6 kube-proxy`, as far as there are such tables. By way of the chains: nft 1.0.6 reads all elements to list tables. */
async function nftTables(): Promise<readonly string[]> {
  if ((await findProgram('nft')) === undefined) return [];
  const found: string[] = [];
  for (const { family } of FAMILIES.map((number) => WORDS[number])) {
    const listed: unknown = JSON.parse(await run('nft', ['-j', 'list', 'chains', family]));
    const objects = isRecord(listed) && Array.isArray(listed['nftables']) ? (listed['nftables'] as unknown[]) : [];
    const chains = objects.map((object) => (isRecord(object) ? object['chain'] : undefined));
    if (chains.some((chain) => isRecord(chain) && chain['table'] === TABLE)) found.push(`${family} ${TABLE}`);
  }
  return found;
}

/** What the machine has of iptables, in both flavours, which do not see each other's rules; without the `-save` of their names. */
async function iptablesPrograms(): Promise<readonly string[]> {
  const found: string[] = [];
  for (const family of ['iptables', 'ip6tables']) {
    const flavours = await present([`${family}-legacy`, `${family}-nft`]);
    found.push(...(flavours.length > 0 ? flavours : await present([family])));
  }
  return found;
}

async function present(programs: readonly string[]): Promise<readonly string[]> {
  const paths = await Promise.all(programs.map((program) => findProgram(`${program}-save`)));
  return programs.filter((_, index) => paths[index] !== undefined);
}

async function removeIpSets(): Promise<readonly string[]> {
  const program = await findProgram('ipset');
  if (program === undefined) return [];
  // It fails where the kernel knows no sets, and so has none.
  const { stdout } = await runProgram(program, ['list', '-name']);
  const removed: string[] = [];
  for (const set of stdout.split('\n').filter((name) => IP_SET.test(name))) {
    // One that somebody else's rule uses can not be destroyed.
    const { status } = await runProgram(program, ['destroy', set]);
    if (status === 0) removed.push(`ipset ${set}`);
  }
  return removed;
}

async function run(program: string, args: readonly string[], input: ProgramInput = {}): Promise<string> {
  const { status, stdout, stderr } = await runProgram(program, args, input);
  if (status === 0) return stdout;
  const why = stderr.trim() === '' ? `it ended with status ${String(status)}` : stderr.trim();
  throw new Fault('kube-proxy-unknown', `${program} ${args.join(' ')}: ${why}`);
}
