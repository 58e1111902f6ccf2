/** What is to be done in one table to take kube-proxy out of it. */
export interface TableCleanUp {
  readonly table: string;
  /** Lines for `iptables-restore --noflush`, which does all of them or none. */
  readonly script: string;
  readonly chains: number;
  readonly rules: number;
}

/**
 * The chains of kube-proxy in its iptables and ipvs modes. Others begin with KUBE- as well: the kubelet's KUBE-FIREWALL and
 * KUBE-KUBELET-CANARY, and all of kube-router's.
 */
const OF_KUBE_PROXY =
  /^KUBE-(?:(?:SVC|SVL|SEP|EXT|FW|XLB)-[A-Z0-9]{16}|SERVICES|EXTERNAL-SERVICES|NODEPORTS|NODE-PORT|POSTROUTING|MARK-MASQ|FORWARD|PROXY-FIREWALL|PROXY-CANARY|LOAD-BALANCER|SOURCE-RANGES-FIREWALL|IPVS-FILTER|IPVS-OUT-FILTER)$/;

/** Chains that no other program ever made, as older kubelets made KUBE-MARK-MASQ and KUBE-POSTROUTING. */
const TELLING = new Set(['KUBE-SERVICES', 'KUBE-NODEPORTS', 'KUBE-PROXY-CANARY']);

/** A mark, and the masquerading of what bears it: who uses the first relies on the second. */
const MARK = 'KUBE-MARK-MASQ';
const MASQUERADE = 'KUBE-POSTROUTING';

interface Rule {
  readonly chain: string;
  /** Where it jumps or goes to; empty where it does not. */
  readonly target: string;
  /** The whole of it after `-A`. */
  readonly text: string;
}

interface Table {
  readonly name: string;
  /** Chains that the kernel has by itself, such as PREROUTING. */
  readonly builtIn: Set<string>;
  readonly chains: string[];
  readonly rules: Rule[];
}

/** The tables, in what `iptables-save` printed, that kube-proxy is at work in. */
export function tablesOfKubeProxy(saved: string): readonly string[] {
  return decodeTables(saved)
    .filter(({ chains }) => chains.some((chain) => TELLING.has(chain)))
    .map(({ name }) => name);
}

/**
 * What takes kube-proxy's chains, and the rules that lead to them from the kernel's own, out of each table that has any. A chain that
 * somebody else's rule leads to can not be deleted without that rule, so it stays, empty; KUBE-MARK-MASQ stays as it is then.
 */
export function cleanUps(saved: string): readonly TableCleanUp[] {
  return decodeTables(saved).flatMap((table) => cleanUp(table) ?? []);
}

function cleanUp({ name, builtIn, chains, rules }: Table): TableCleanUp | undefined {
  const foreign = new Set(
    rules.filter(({ chain }) => !builtIn.has(chain) && !OF_KUBE_PROXY.test(chain)).map(({ target }) => target),
  );
  const isLeft = (chain: string): boolean => foreign.has(MARK) && (chain === MARK || chain === MASQUERADE);
  const emptied = chains.filter((chain) => OF_KUBE_PROXY.test(chain) && !isLeft(chain));
  const deleted = emptied.filter((chain) => !foreign.has(chain));
  const jumps = rules.filter(({ chain, target }) => builtIn.has(chain) && emptied.includes(target));
  if (emptied.length === 0) return undefined;
  const script = [
    `*${name}`,
    ...jumps.map(({ text }) => `-D ${text}`),
    ...emptied.map((chain) => `-F ${chain}`),
    ...deleted.map((chain) => `-X ${chain}`),
    'COMMIT',
    '',
  ].join('\n');
  return { table: name, script, chains: deleted.length, rules: jumps.length };
}

/** Reads what `iptables-save` prints: `*table`, `:chain policy [packets:bytes]`, `-A chain rule`, `COMMIT`. */
function decodeTables(saved: string): readonly Table[] {
  const tables: Table[] = [];
  for (const line of saved.split('\n')) {
    const table = tables.at(-1);
    if (line.startsWith('*')) tables.push({ name: line.slice(1), builtIn: new Set(), chains: [], rules: [] });
    else if (table === undefined) continue;
    else if (line.startsWith(':')) {
      const [chain = '', policy] = line.slice(1).split(' ');
      if (policy === '-') table.chains.push(chain);
      else table.builtIn.add(chain);
    } else if (line.startsWith('-A ')) {
      const text = line.slice('-A '.length);
      // A comment may say anything, "-j ACCEPT" too.
      const target = / -[jg] (\S+)/.exec(text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""'))?.[1] ?? '';
      table.rules.push({ chain: text.split(' ', 1)[0] ?? '', target, text });
    }
  }
  return tables;
}
