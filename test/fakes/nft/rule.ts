import { cidrOf, type Cidr } from '../../../src/model/cidr.ts';
import { partsOf, type Part } from './expression.ts';
import { refuse } from './refusal.ts';

/** Where a packet goes on after a rule. */
export type Verdict = { readonly kind: 'drop' | 'return' } | { readonly kind: 'goto' | 'jump'; readonly chain: string };

/** One statement of a rule, in the order in which they are looked at; the first that does not match ends the rule. */
export type Statement =
  | { readonly kind: 'verdict'; readonly verdict: Verdict }
  | { readonly kind: 'reject' }
  | { readonly kind: 'masquerade' }
  | { readonly kind: 'is-translated' }
  | { readonly kind: 'is-from-node'; readonly isNot: boolean }
  | { readonly kind: 'is-for-node'; readonly isNot: boolean }
  | { readonly kind: 'protocol'; readonly protocol: string }
  | { readonly kind: 'protocols'; readonly protocols: readonly string[] }
  | { readonly kind: 'interface'; readonly way: 'in' | 'out'; readonly isNot: boolean; readonly pattern: string }
  | { readonly kind: 'range'; readonly key: readonly Part[]; readonly isNot: boolean; readonly range: Cidr }
  /** Whether it would go out by the interface that it came in by. */
  | { readonly kind: 'goes-back' }
  | { readonly kind: 'member'; readonly key: readonly Part[]; readonly isNot: boolean; readonly set: string }
  | { readonly kind: 'verdict-map'; readonly key: readonly Part[]; readonly map: string }
  | { readonly kind: 'port'; readonly protocol: string; readonly port: number }
  /** `port` where the map holds addresses alone. */
  | {
      readonly kind: 'translate';
      readonly key: readonly Part[];
      readonly map: string;
      readonly port: number | undefined;
    }
  | {
      readonly kind: 'remember';
      readonly key: readonly Part[];
      readonly data: readonly Part[];
      readonly timeoutS: number;
      readonly map: string;
    };

export interface Rule {
  readonly text: string;
  readonly statements: readonly Statement[];
}

type Reading = (match: RegExpExecArray, family: 'ip' | 'ip6') => Statement;

const NAME = '([a-z0-9./-]+)';
const WORD = String.raw`(?:ct original ip6? daddr|ct original proto-dst|ip6? [sd]addr|meta l4proto|(?:th|tcp|udp|sctp) dport|numgen random mod \d+(?: offset \d+)?)`;
const KEY = String.raw`(${WORD}(?: \. ${WORD})*)`;

/** Every statement that our rules have, and no other. */
const STATEMENTS: readonly (readonly [pattern: RegExp, reading: Reading])[] = [
  [/^meta l4proto (tcp|udp|sctp)/, ([, protocol = '']) => ({ kind: 'protocol', protocol })],
  [/^meta l4proto \{ ([a-z, ]+) \}/, ([, list = '']) => ({ kind: 'protocols', protocols: list.split(', ') })],
  [/^(tcp|udp|sctp) dport (\d+)/, ([, protocol = '', port]) => ({ kind: 'port', protocol, port: Number(port) })],
  [/^reject(?: with tcp reset)?/, () => ({ kind: 'reject' })],
  [/^masquerade fully-random/, () => ({ kind: 'masquerade' })],
  [/^ct status dnat/, () => ({ kind: 'is-translated' })],
  [/^fib saddr type (!= )?local/, ([, not]) => ({ kind: 'is-from-node', isNot: not !== undefined })],
  [/^fib daddr type (!= )?local/, ([, not]) => ({ kind: 'is-for-node', isNot: not !== undefined })],
  // No interface.
  [/^iif (!= )?0/, ([, not]) => ({ kind: 'interface', way: 'in', isNot: not !== undefined, pattern: '' })],
  [/^fib daddr \. iif oif exists/, () => ({ kind: 'goes-back' })],
  [
    /^((?:ct original ip6? daddr|ip6? [sd]addr)) (!= )?([0-9a-f.:]+\/\d+)/,
    ([, key = '', not, text = ''], family) => ({
      kind: 'range',
      key: partsOf(key, family),
      isNot: not !== undefined,
      range: rangeIn(text, family),
    }),
  ],
  [/^drop/, () => ({ kind: 'verdict', verdict: { kind: 'drop' } })],
  [/^return/, () => ({ kind: 'verdict', verdict: { kind: 'return' } })],
  [
    new RegExp(`^(goto|jump) ${NAME}`),
    ([, kind, chain = '']) => ({ kind: 'verdict', verdict: { kind: kind === 'goto' ? 'goto' : 'jump', chain } }),
  ],
  [
    /^(i|o)ifname (!= )?"([^"]+)"/,
    ([, way, not, pattern = '']) => ({
      kind: 'interface',
      way: way === 'i' ? 'in' : 'out',
      isNot: not !== undefined,
      pattern,
    }),
  ],
  [
    new RegExp(`^dnat (ip6?) to ${KEY} map @${NAME}(?: : (\\d+))?`),
    ([, named, key = '', map = '', port], family) =>
      named === family
        ? { kind: 'translate', key: partsOf(key, family), map, port: port === undefined ? undefined : Number(port) }
        : refuse(`dnat ${named ?? ''} in ${family}`),
  ],
  [
    new RegExp(`^update @${NAME} \\{ ${KEY} timeout (\\d+)s : ${KEY} \\}`),
    ([, map = '', key = '', timeout, data = ''], family) => ({
      kind: 'remember',
      key: partsOf(key, family),
      data: partsOf(data, family),
      timeoutS: Number(timeout),
      map,
    }),
  ],
  [
    new RegExp(`^${KEY} vmap @${NAME}`),
    ([, key = '', map = ''], family) => ({ kind: 'verdict-map', key: partsOf(key, family), map }),
  ],
  [
    new RegExp(`^${KEY} (!= )?@${NAME}`),
    ([, key = '', not, set = ''], family) => ({
      kind: 'member',
      key: partsOf(key, family),
      isNot: not !== undefined,
      set,
    }),
  ],
];

function rangeIn(text: string, family: 'ip' | 'ip6'): Cidr {
  const range = cidrOf(text) ?? refuse(`${text} is no range`);
  return (range.family === 6) === (family === 'ip6') ? range : refuse(`${text} in a table of family ${family}`);
}

/** Reads a rule as `add rule` has it. */
export function ruleOf(text: string, family: 'ip' | 'ip6'): Rule {
  const statements: Statement[] = [];
  for (let rest = text; rest !== '';) {
    const [statement, length] = statementAt(rest, family) ?? refuse(`no rule of ours: ${rest} (in: ${text})`);
    statements.push(statement);
    rest = rest.slice(length).trimStart();
  }
  return { text, statements: withKnownProtocols(statements, text) };
}

function statementAt(text: string, family: 'ip' | 'ip6'): readonly [Statement, number] | undefined {
  for (const [pattern, reading] of STATEMENTS) {
    const match = pattern.exec(text);
    if (match !== null && /^(?:\s|$)/.test(text.slice(match[0].length)))
      return [reading(match, family), match[0].length];
  }
  return undefined;
}

/** `ct original proto-dst` has no type where the protocol is not matched before it in the rule (nft(8), CONNTRACK EXPRESSIONS). */
function withKnownProtocols(statements: readonly Statement[], text: string): readonly Statement[] {
  let isKnown = false;
  for (const statement of statements) {
    if (statement.kind === 'protocol') isKnown = true;
    const key = 'key' in statement ? statement.key : [];
    if (!isKnown && key.some((part) => part.kind === 'port' && part.of === 'original-destination'))
      refuse(`the protocol is not known in: ${text}`);
  }
  return statements;
}
