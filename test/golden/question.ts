import { invariant } from '../../src/lib/invariant.ts';
import type { FakeNft } from '../fakes/nft/fake-nft.ts';
import type { Machine, Packet, Walk } from '../fakes/nft/packet-walk.ts';
import { connect, fateText, trace } from '../fakes/nft/trace.ts';

const QUESTION =
  /^# (?:(trace)|connect (\d+)): (pod|outside|node) ([0-9a-f.:]+)(?: (by|bridged by) ([a-z0-9]+))? -> (\[[0-9a-f:]+\]|[0-9.]+):(\d+)\/(tcp|udp|sctp)$/;

/** Where packets come in that do not say. */
const INTERFACES = { pod: 'cni0', outside: 'eth0', node: undefined } as const;

/**
 * Answers the comment lines that ask, in their order:
 *
 *     # trace: (pod|outside|node) SOURCE [by INTERFACE] -> DESTINATION:PORT/(tcp|udp|sctp)
 *         all that may become of such a connection, and what decided it; `bridged by`: the endpoint is behind that bridge, too
 *     # connect N: …      makes one, with N for the random number
 *     # wait: SECONDS
 */
export function askAll(text: string, nft: FakeNft, machine: Machine): readonly string[] {
  const lines = text.split('\n').filter((line) => /^# (?:trace|connect|wait)\b/.test(line));
  return lines.map((line) => {
    const seconds = /^# wait: (\d+)$/.exec(line)?.[1];
    if (seconds === undefined) return ask(line, nft, machine);
    nft.advance(Number(seconds));
    return `${line.slice(2)}\n`;
  });
}

function ask(line: string, nft: FakeNft, machine: Machine): string {
  const match = QUESTION.exec(line);
  invariant(match !== null, `it is a question: ${line}`);
  const packet = packetOf(match);
  const walks =
    match[1] === undefined ? [connect(nft, machine, packet, Number(match[2]))] : trace(nft, machine, packet);
  const answers = walks.map(({ fate }) => `  ${fateText(fate)}\n`);
  const reasons = commonTrail(walks).map((step) => `    ${step}\n`);
  return `${line.slice(2)}\n${answers.join('')}${reasons.join('')}`;
}

function packetOf(match: RegExpExecArray): Packet {
  const [, , , from = '', source = '', way, by, destination = '', port, protocol = ''] = match;
  // The pattern admits no other words.
  const sender = from as Packet['from'];
  return {
    from: sender,
    source,
    interface: by ?? INTERFACES[sender],
    isBridged: way === 'bridged by',
    destination: destination.replaceAll(/[[\]]/g, ''),
    port: Number(port),
    protocol: protocol as Packet['protocol'],
  };
}

/** What all the walks met: where they part, the answers show it. */
function commonTrail(walks: readonly Walk[]): readonly string[] {
  const [first, ...others] = walks.map(({ trail }) => trail);
  return (first ?? []).filter((step) => others.every((trail) => trail.includes(step)));
}
