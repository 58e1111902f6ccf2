import type { BgpSession } from '../../compile/bgp/bgp-plan.ts';
import type { BgpPeerState } from '../../model/bgp-peer-state.ts';
import { DYNAMIC_PREFIX } from './configuration.ts';
import type { ReplyLine } from './control.ts';

/** One protocol of `show protocols all`. */
interface Shown {
  readonly name: string;
  readonly since: string;
  readonly details: readonly string[];
}

/** The lines that begin a protocol, and those that say more of it (BIRD's doc/reply_codes). */
const HEAD = 1002;

/** The states of all sessions, in their order. `protocols` answers `show protocols all`, `bfd` answers `show bfd sessions`. */
export function peerStates(
  sessions: readonly BgpSession[],
  protocols: readonly ReplyLine[],
  bfd: readonly ReplyLine[],
): readonly BgpPeerState[] {
  const shown = protocolsIn(protocols);
  const alive = bfdStates(bfd);
  return sessions.map((session, index) => {
    const own = shown.find(({ name }) => name === session.id);
    // On a link the session itself is a copy, made when the peer calls.
    const copy = shown.find(({ name }) => name.startsWith(`${DYNAMIC_PREFIX}${String(index)}_`));
    return stateOf(session, copy ?? own, alive);
  });
}

function protocolsIn(lines: readonly ReplyLine[]): readonly Shown[] {
  const found: { name: string; since: string; details: string[] }[] = [];
  for (const { code, text } of lines) {
    const [name = '', , , , since = ''] = text.trim().split(/\s+/);
    if (code === HEAD) found.push({ name, since, details: [] });
    else found.at(-1)?.details.push(text.trim());
  }
  return found;
}

function stateOf(
  { peer, neighbor, bfd }: BgpSession,
  shown: Shown | undefined,
  alive: ReadonlyMap<string, boolean>,
): BgpPeerState {
  const details = shown?.details ?? [];
  const state = detail(details, 'BGP state') ?? 'Missing';
  const place = detail(details, 'Neighbor address')?.replace(/%.*$/, '') ?? '';
  const isWatched = bfd !== undefined;
  const sum = (pattern: RegExp): number =>
    details.reduce((total, line) => total + Number(pattern.exec(line)?.[1] ?? 0), 0);
  return {
    peer,
    neighbor: place === '' ? placeOf(neighbor) : place,
    state,
    isUp: state === 'Established',
    since: shown?.since ?? '',
    peerAs: Number(detail(details, 'Neighbor AS') ?? 0),
    announced: sum(/^Routes:.*?(\d+) exported/),
    updatesSent: sum(/^Export updates:(?:\s+\S+){4}\s+(\d+)/) + sum(/^Export withdraws:(?:\s+\S+){4}\s+(\d+)/),
    lastError: state === 'Established' ? '' : (detail(details, 'Last error') ?? ''),
    bfd: isWatched ? (alive.get(place) === true ? 'up' : 'down') : '-',
  };
}

function placeOf(neighbor: BgpSession['neighbor']): string {
  return neighbor.kind === 'address' ? neighbor.address : neighbor.interface;
}

function detail(details: readonly string[], name: string): string | undefined {
  const line = details.find((each) => each.startsWith(`${name}:`));
  return line?.slice(name.length + 1).trim();
}

/** Whether BFD has each address. */
function bfdStates(lines: readonly ReplyLine[]): ReadonlyMap<string, boolean> {
  return new Map(
    lines.flatMap(({ text }) => {
      const [ip = '', , state = ''] = text.trim().split(/\s+/);
      return /^[0-9a-f.:]+$/.test(ip) && state !== '' ? [[ip, state === 'Up'] as const] : [];
    }),
  );
}
