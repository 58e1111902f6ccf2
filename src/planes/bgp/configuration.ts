import { createHash } from 'node:crypto';
import type { BgpPlan, BgpSession, RouteExport, RouteProfile, SessionId } from '../../compile/bgp/bgp-plan.ts';
import type { IpFamily } from '../../lib/ip-number.ts';
import { SecretText } from '../../model/secret-text.ts';
import { address, integer, quoted, symbol } from './encode.ts';

/** What the configuration says besides the plan. */
export interface BirdSettings {
  /** Of the kernel: where the routes stand that are announced. */
  readonly routeTable: number;
  /** Where peers open sessions. */
  readonly listenPort: number;
}

/** A session with the password that it has, if any. */
export interface BirdSession extends BgpSession {
  readonly password: SecretText | undefined;
}

/** A plan of which every password is known. */
export interface KnownPlan extends BgpPlan {
  readonly sessions: readonly BirdSession[];
}

/** What of a plan the configuration depends on; routes come and go without it. */
export type BirdPlan = Pick<KnownPlan, 'routerId' | 'sessions' | 'profiles'>;

/**
 * The plan with the passwords that `installed`, the configuration before, gives sessions whose own cannot be read now. One that has none there
 * waits: without a password, its peer would not answer.
 */
export function withKeptPasswords(plan: BgpPlan, installed: string): KnownPlan {
  const isKnown = (session: BgpSession): session is BirdSession => session.password !== 'kept';
  const sessions = plan.sessions.flatMap((session): readonly BirdSession[] => {
    if (isKnown(session)) return [session];
    const password = passwordIn(installed, session.id);
    return password === undefined ? [] : [{ ...session, password }];
  });
  return { ...plan, sessions };
}

/** A configuration and what BIRD says when it is asked which one it has. */
export interface BirdConfiguration {
  readonly text: string;
  readonly digest: string;
}

/** The constant of the configuration that holds its digest. */
export const DIGEST_SYMBOL = 'sluice_configuration';

/** How the sessions of peers that are not in the configuration by address are called: this and a number (`dynamic name`). */
export const DYNAMIC_PREFIX = 'link_';

/** Seconds, where a BGPPeer says nothing. RFC 4271 suggests 90; a third of it is between keepalives. */
const HOLD_TIME_S = 90;
/** BIRD's own is two minutes, in which a router that was restarted waits for nothing. */
const CONNECT_TIME_S = 10;
/** How long routers keep routes of a BIRD that was restarted, in seconds (RFC 4724). */
const RESTART_TIME_S = 120;

const FAMILIES: readonly IpFamily[] = [4, 6];

/**
 * bird.conf for a plan. Pure; equal plans give equal text.
 *
 * - Routes are not in it: BIRD learns them from the kernel's table, where their metric names their profile.
 * - Nothing is imported: whatever a router says, the node's own routes are not for us to change.
 * - `connect delay time` and `error wait time` are short: BIRD's own leave a peer alone for a minute after a mistake.
 */
export function renderConfiguration(plan: BirdPlan, settings: BirdSettings, folder: string): BirdConfiguration {
  const body = [
    globalSection(plan, folder),
    ...FAMILIES.map((family) => tableSection(family, settings)),
    // Its sockets are opened only where somebody uses it.
    ...(plan.sessions.some(({ bfd }) => bfd !== undefined) ? ['protocol bfd {\n}\n'] : []),
    ...plan.sessions.flatMap((session, index) => [
      filterSection(session.id, plan.profiles),
      sessionSection(session, index, settings),
    ]),
  ].join('\n');
  const digest = createHash('sha256').update(body).digest('hex');
  return {
    digest,
    text: `# Written by Sluice. Changes made here are lost.\ndefine ${DIGEST_SYMBOL} = ${quoted(digest)};\n${body}`,
  };
}

/** One log file and the one before it: BIRD writes a line for each attempt to reach a peer. */
const LOG_BYTES = 1_000_000;

function globalSection({ routerId }: BirdPlan, folder: string): string {
  const log = quoted(`${folder}/bird.log`);
  return `log ${log} ${integer(LOG_BYTES)} ${quoted(`${folder}/bird.log.old`)} { info, remote, warning, error, auth, fatal, bug };
router id ${address(routerId)};
timeformat protocol "%Y-%m-%dT%H:%M:%S%z";
graceful restart wait 20;
protocol device {
  scan time 5;
}
`;
}

function tableSection(family: IpFamily, { routeTable }: BirdSettings): string {
  const name = `vips${String(family)}`;
  return `ipv${String(family)} table ${name};
protocol kernel ${name}_kernel {
  kernel table ${integer(routeTable)};
  learn;
  scan time 10;
  ipv${String(family)} {
    table ${name};
    import all;
    export none;
  };
}
`;
}

/** What a peer is given, by the profile that the metric of a route names. */
function filterSection(id: SessionId, profiles: readonly RouteProfile[]): string {
  const cases = profiles.flatMap(({ number, exports }) => {
    const own = exports.find(({ session }) => session === id);
    return own === undefined ? [] : [`    ${integer(number)}: { ${attributes(own)}accept; }`];
  });
  const choice = cases.length === 0 ? [] : ['  case krt_metric {', ...cases, '  }'];
  return `filter ${filterName(id)} {
  if !defined(krt_metric) then reject;
${[...choice, '  reject;'].join('\n')}
}
`;
}

function filterName(id: SessionId): string {
  return symbol(`to-${id}`);
}

function attributes({ localPref, communities }: RouteExport): string {
  const set = communities.map(({ kind, numbers }) => {
    const values = numbers.map(integer).join(',');
    return kind === 'large' ? `bgp_large_community.add((${values})); ` : `bgp_community.add((${values})); `;
  });
  return [localPref === undefined ? '' : `bgp_local_pref = ${integer(localPref)}; `, ...set].join('');
}

function sessionSection(session: BirdSession, index: number, settings: BirdSettings): string {
  const { routerId, vrf, localAs, sourceAddress, connectTimeS = CONNECT_TIME_S, password } = session;
  const lines = [
    ...(vrf === undefined ? [] : [`vrf ${quoted(vrf)};`]),
    ...(routerId === undefined ? [] : [`router id ${address(routerId)};`]),
    `local port ${integer(settings.listenPort)} as ${integer(localAs)};`,
    ...neighborLines(session, index),
    ...(sourceAddress === undefined ? [] : [`source address ${address(sourceAddress)};`]),
    ...timeLines(session),
    `connect retry time ${integer(connectTimeS)};`,
    'connect delay time 1;',
    'error wait time 1, 30;',
    ...(password === undefined ? [] : [`password ${quoted(password.reveal())};`]),
    ...(session.hasGracefulRestart
      ? ['graceful restart on;', `graceful restart time ${integer(RESTART_TIME_S)};`]
      : []),
    ...bfdLines(session),
    ...session.families.map((family) => channel(family, session)),
  ];
  return `protocol bgp ${symbol(session.id)} {
${lines.map((line) => `  ${line}`).join('\n')}
}
`;
}

/** The password that a configuration of ours gives a session; undefined where it has none, or there is no such session. */
function passwordIn(text: string, id: SessionId): SecretText | undefined {
  const [, section = ''] = text.split(`\nprotocol bgp ${symbol(id)} {\n`);
  const [, password] = /^ {2}password "([^"]*)";$/m.exec(section.split('\n}\n', 1)[0] ?? '') ?? [];
  return password === undefined ? undefined : new SecretText(password);
}

function neighborLines({ neighbor, peerAs, isMultihop }: BgpSession, index: number): readonly string[] {
  const as = typeof peerAs === 'number' ? `as ${integer(peerAs)}` : peerAs;
  if (neighbor.kind === 'interface')
    return [
      `interface ${quoted(neighbor.interface)};`,
      `neighbor range fe80::/10 ${as};`,
      `dynamic name ${quoted(`${DYNAMIC_PREFIX}${integer(index)}_`)};`,
    ];
  const line = `neighbor ${address(neighbor.address)} port ${integer(neighbor.port)} ${as};`;
  return isMultihop ? [line, 'multihop;'] : [line];
}

/** Of a hold time of 0 there are no keepalives. */
function timeLines({ holdTimeS = HOLD_TIME_S, keepaliveTimeS }: BgpSession): readonly string[] {
  const hold = `hold time ${integer(holdTimeS)};`;
  if (holdTimeS === 0) return [hold];
  return [hold, `keepalive time ${integer(keepaliveTimeS ?? Math.max(1, Math.floor(holdTimeS / 3)))};`];
}

function bfdLines({ bfd }: BgpSession): readonly string[] {
  if (bfd === undefined) return [];
  const options = [
    `min rx interval ${integer(bfd.receiveIntervalMs)} ms;`,
    `min tx interval ${integer(bfd.transmitIntervalMs)} ms;`,
    `multiplier ${integer(bfd.detectMultiplier)};`,
    ...(bfd.isPassive ? ['passive on;'] : []),
  ];
  return [`bfd { ${options.join(' ')} };`];
}

/** On a link without IPv4 addresses, IPv4 goes by way of an IPv6 one (RFC 8950). */
function channel(family: IpFamily, { id, neighbor }: BgpSession): string {
  const isExtended = family === 4 && neighbor.kind === 'interface';
  const extended = isExtended ? ' extended next hop on;' : '';
  return `ipv${String(family)} { table vips${String(family)}; import none; export filter ${filterName(id)};${extended} };`;
}
