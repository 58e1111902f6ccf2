import { cidrHas } from '../../../src/model/cidr.ts';
import { ipAddressOf } from '../../../src/model/grammar.ts';
import type { Part } from './expression.ts';
import { chainOf, setOf, type FakeNft } from './fake-nft.ts';
import { refuse } from './refusal.ts';
import type { Statement, Verdict } from './rule.ts';
import { covers, type ElementSet, type Hook, type Table } from './table.ts';

/** The first packet of a connection. */
export interface Packet {
  /** `node`: sent by a process of the node itself, in its own network namespace. */
  readonly from: 'pod' | 'outside' | 'node';
  readonly source: string;
  readonly destination: string;
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly port: number;
  /** The interface it comes in by; none for one of the node itself. */
  readonly interface: string | undefined;
  /** Whether that is a bridge with the endpoint behind it as well, and br_netfilter shows the rules what it passes on. */
  readonly isBridged?: boolean;
}

/** What the walk has to know of the machine: which addresses are its own. */
export interface Machine {
  readonly addresses: ReadonlySet<string>;
}

/** What becomes of a connection. */
export type Fate =
  | { readonly kind: 'dropped' | 'refused' }
  | {
      readonly kind: 'delivered';
      readonly address: string;
      readonly port: number;
      /** Whether it goes elsewhere than it was sent to. */
      readonly isTranslated: boolean;
      readonly isMasqueraded: boolean;
    };

export interface Walk {
  readonly fate: Fate;
  /** The rules that matched and the elements they found, in order. */
  readonly trail: readonly string[];
}

export interface WalkOptions {
  /** Chooses what `numgen random mod` gives. */
  readonly choose: (modulus: number) => number;
  /** Whether the connection is made, so that affinity remembers it. */
  readonly isMade: boolean;
  /** Whose sets each look-up finds, counted from 0: those of one and the same nft unless a packet meets a change. Undefined: it finds nothing. */
  readonly sees?: LookUps;
}

export type LookUps = (lookUp: number) => FakeNft | undefined;

/**
 * Takes the first packet of a connection past the nat chains of the hooks it goes by, as the kernel does: by priority, and no
 * further in a hook than the first chain that translates it (nf_nat_inet_fn). Filter chains are none of ours.
 */
export function walk(nft: FakeNft, machine: Machine, packet: Packet, options: WalkOptions): Walk {
  return new PacketWalk(nft, machine, packet, options).run();
}

/** How a chain ends for a packet. */
type End = 'through' | 'dropped' | 'refused' | 'translated';

class PacketWalk {
  readonly #nft: FakeNft;
  readonly #machine: Machine;
  readonly #packet: Packet;
  readonly #options: WalkOptions;
  readonly #trail: string[] = [];
  #hook: Hook['hook'] = 'prerouting';
  #address: string;
  #port: number;
  #isTranslated = false;
  #isMasqueraded = false;
  #lookUps = 0;

  constructor(nft: FakeNft, machine: Machine, packet: Packet, options: WalkOptions) {
    this.#nft = nft;
    this.#machine = machine;
    this.#packet = packet;
    this.#options = options;
    this.#address = packet.destination;
    this.#port = packet.port;
  }

  run(): Walk {
    const isOwn = this.#packet.from === 'node';
    // What the node sends to itself passes postrouting on its way to lo, and is settled when it comes in there.
    const second = (): Hook['hook'] => (isOwn || !this.#isForNode() ? 'postrouting' : 'input');
    const end = this.#pass(isOwn ? 'output' : 'prerouting') ?? this.#pass(second());
    if (end !== undefined) return { fate: { kind: end }, trail: this.#trail };
    const { address, port } = { address: this.#address, port: this.#port };
    const [isTranslated, isMasqueraded] = [this.#isTranslated, this.#isMasqueraded];
    return { fate: { kind: 'delivered', address, port, isTranslated, isMasqueraded }, trail: this.#trail };
  }

  #isForNode(): boolean {
    return this.#machine.addresses.has(this.#address);
  }

  /** Undefined when the packet goes on. */
  #pass(hook: Hook['hook']): 'dropped' | 'refused' | undefined {
    this.#hook = hook;
    const family = this.#packet.destination.includes(':') ? 'ip6' : 'ip';
    const chains = [...this.#nft.tables].flatMap(([tableName, table]) =>
      table.family !== family
        ? []
        : [...table.chains].flatMap(([name, chain]) =>
            chain.hook?.hook === hook ? [{ priority: chain.hook.priority, table, tableName, name }] : [],
          ),
    );
    for (const { table, tableName, name } of chains.sort((a, b) => a.priority - b.priority)) {
      const end = this.#follow(table, tableName, name);
      if (end === 'dropped' || end === 'refused') return end;
      if (end === 'translated') return undefined;
    }
    return undefined;
  }

  #follow(table: Table, tableName: string, name: string): End {
    for (const { text, statements } of chainOf(table, name).rules) {
      const mark = this.#trail.length;
      this.#trail.push(`${tableName} ${name}: ${text}`);
      const end = this.#applyRule(table, tableName, statements);
      if (end === undefined) this.#trail.length = mark;
      else if (end === 'return') return 'through';
      else if (end !== 'next') return end;
    }
    return 'through';
  }

  /** Undefined when the rule does not match; `next` when the packet goes on to the rule after it. */
  #applyRule(table: Table, tableName: string, statements: readonly Statement[]): End | 'next' | 'return' | undefined {
    for (const statement of statements) {
      const end = this.#applyStatement(table, tableName, statement);
      if (end !== 'match') return end;
    }
    return 'next';
  }

  #applyStatement(
    table: Table,
    tableName: string,
    statement: Statement,
  ): End | 'match' | 'next' | 'return' | undefined {
    switch (statement.kind) {
      case 'protocol':
        return matched(this.#packet.protocol === statement.protocol);
      case 'protocols':
        return matched(statement.protocols.includes(this.#packet.protocol));
      case 'port':
        return matched(this.#packet.protocol === statement.protocol && this.#port === statement.port);
      case 'is-translated':
        return matched(this.#isTranslated);
      case 'is-from-node':
        return matched(this.#machine.addresses.has(this.#packet.source) !== statement.isNot);
      case 'is-for-node':
        return matched(this.#isForNode() !== statement.isNot);
      case 'interface':
        return matched(covered(statement.pattern, this.#interface(statement.way)) !== statement.isNot);
      case 'goes-back':
        if (this.#hook !== 'prerouting') refuse(`Operation not supported: fib with iif in ${this.#hook}`);
        // A route says that, whatever a bridge may pass on.
        return matched(!this.#isForNode() && this.#packet.interface === 'eth0');
      case 'range': {
        const address = ipAddressOf(this.#key(statement.key));
        return matched((address !== undefined && cidrHas(statement.range, address)) !== statement.isNot);
      }
      case 'member':
        return matched((this.#find(table, tableName, statement.set, statement.key) !== undefined) !== statement.isNot);
      case 'verdict':
        return this.#take(table, tableName, statement.verdict);
      case 'verdict-map': {
        const value = this.#find(table, tableName, statement.map, statement.key)?.value;
        return value === undefined ? undefined : this.#take(table, tableName, verdictOf(value));
      }
      case 'translate': {
        const { protocol = this.#packet.protocol } = setOf(table, statement.map);
        if (protocol !== this.#packet.protocol) return undefined;
        const value = this.#find(table, tableName, statement.map, statement.key)?.value;
        if (value === undefined) return undefined;
        return this.#translate(statement.port === undefined ? value : `${value} . ${String(statement.port)}`);
      }
      case 'remember': {
        if (this.#options.isMade)
          this.#nft.remember(
            table,
            statement.map,
            this.#key(statement.key),
            this.#key(statement.data),
            statement.timeoutS,
          );
        return 'match';
      }
      case 'reject':
        return 'refused';
      case 'masquerade':
        if (this.#hook !== 'postrouting') refuse(`Operation not supported: masquerade in ${this.#hook}`);
        this.#isMasqueraded = true;
        return 'translated';
    }
  }

  #translate(value: string): End {
    if (this.#hook !== 'prerouting' && this.#hook !== 'output')
      refuse(`Operation not supported: dnat in ${this.#hook}`);
    const [address = '', port] = value.split(' . ');
    // The kernel says `dnat` only of a connection whose destination has become another one (nf_nat_setup_info).
    this.#isTranslated = address !== this.#address || Number(port) !== this.#port;
    this.#address = address;
    this.#port = Number(port);
    return 'translated';
  }

  #take(table: Table, tableName: string, verdict: Verdict): End | 'next' | 'return' {
    switch (verdict.kind) {
      case 'drop':
        return 'dropped';
      case 'return':
        return 'return';
      case 'goto': {
        // Whoever went there does not come back: the end of that chain is the end of this one.
        const end = this.#follow(table, tableName, verdict.chain);
        return end === 'through' ? 'return' : end;
      }
      case 'jump': {
        const end = this.#follow(table, tableName, verdict.chain);
        return end === 'through' ? 'next' : end;
      }
    }
  }

  #find(
    table: Table,
    tableName: string,
    name: string,
    parts: readonly Part[],
  ): { readonly value: string | undefined } | undefined {
    const { sees } = this.#options;
    const seen = sees === undefined ? table : sees(this.#lookUps)?.tables.get(tableName);
    this.#lookUps += 1;
    const set = seen?.sets.get(name);
    const found = set === undefined ? undefined : keyIn(set, this.#key(parts));
    if (set === undefined || found === undefined) return undefined;
    const value = set.elements.get(found)?.value;
    this.#trail.push(`  ${tableName} ${name} { ${found}${value === undefined ? '' : ` : ${value}`} }`);
    return { value };
  }

  #key(parts: readonly Part[]): string {
    return parts.map((part) => this.#word(part)).join(' . ');
  }

  #word(part: Part): string {
    switch (part.kind) {
      case 'protocol':
        return this.#packet.protocol;
      case 'port':
        return String(part.of === 'destination' ? this.#port : this.#packet.port);
      case 'slot':
        return String(part.offset + this.#options.choose(part.modulus));
      case 'address':
        if (part.of === 'source') return this.#packet.source;
        return part.of === 'destination' ? this.#address : this.#packet.destination;
    }
  }

  /** Empty where there is none, which `!=` matches (nft_meta_store_ifname). */
  #interface(way: 'in' | 'out'): string {
    const { interface: name = '', isBridged = false } = this.#packet;
    // br_nf_post_routing does not say it.
    if (way === 'in') return isBridged && this.#hook === 'postrouting' ? '' : name;
    if (this.#isForNode()) return 'lo';
    return isBridged ? name : 'eth0';
  }
}

function matched(is: boolean): 'match' | undefined {
  return is ? 'match' : undefined;
}

function covered(pattern: string, name: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}

function keyIn(set: ElementSet, key: string): string | undefined {
  if (!set.isInterval) return set.elements.has(key) ? key : undefined;
  return [...set.elements.keys()].find((element) => covers(element, key));
}

function verdictOf(value: string): Verdict {
  return value === 'drop' ? { kind: 'drop' } : { kind: 'goto', chain: value.slice('goto '.length) };
}
