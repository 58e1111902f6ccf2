import { invariant } from '../../lib/invariant.ts';
import type { AnnouncePlan, VirtualRouter } from '../../compile/announce/announce-plan.ts';
import { isIpv6Address, type IpAddress } from '../../model/grammar.ts';

/** What the configuration says besides the plan. */
export interface AnnounceSettings {
  /** A folder of ours alone, absolute: what keepalived reads and writes. */
  readonly folder: string;
  /** Who this is in keepalived's log. */
  readonly nodeName: string;
  /** Between two advertisements, in milliseconds; a node is missed after three of them. */
  readonly advertisementMs: number;
}

/** Files in the folder. */
export const FILES = {
  configuration: 'keepalived.conf',
  reloading: 'reloading',
  checkLog: 'check.log',
  node: 'node.eligible',
} as const;

/** The name of the file that says whether a virtual router may be had here. */
export function eligibilityFile(router: Pick<VirtualRouter, 'name'>): string {
  return `${word(router.name)}.eligible`;
}

/**
 * What stands in such a file. -254 takes any priority below 1, which is keepalived's state FAULT: it says so to the others at once, and
 * gives the addresses up. A smaller step would not move a router that is not to be taken back.
 */
export function eligibilityText(isEligible: boolean): string {
  return isEligible ? '0\n' : '-254\n';
}

/**
 * The configuration of keepalived for a plan. Pure; equal plans give equal text, and a change of eligibility none at all.
 *
 * - Each router advertises one address of no use, which is constant; those that matter are `excluded` from advertisements. Nodes that
 *   advertise different addresses ignore each other, so that two would have them while a change reaches one after the other.
 * - `nopreempt`: a node that returns takes nothing back, but from one that it is preferred to.
 * - No `vrrp_rt_priority`: after a reload the process would be killed where it lacks CAP_SYS_RESOURCE. It is given from outside.
 * - `dynamic_interfaces`: an interface that is missing must not end the process, which has the addresses of others.
 */
export function renderConfiguration(plan: AnnouncePlan, settings: AnnounceSettings): string {
  const routers = plan.routers.sorted().map(([, router]) => router);
  return [
    globalSection(settings),
    trackFile('node', FILES.node, settings),
    ...routers.map((router) => routerSection(router, settings)),
  ].join('\n');
}

function globalSection({ folder, nodeName }: AnnounceSettings): string {
  return `# Written by Sluice. Changes made here are lost.
global_defs {
    router_id ${word(nodeName)}
    vrrp_version 3
    script_user root
    enable_script_security
    dynamic_interfaces
    reload_check_config ${path(folder, FILES.checkLog)}
    reload_file ${path(folder, FILES.reloading)}
    vrrp_skip_check_adv_addr
    vrrp_higher_prio_send_advert true
    # Who has an address is said twice at once and twice a second later, and once a minute: switches forget sooner than neighbours.
    vrrp_garp_master_repeat 2
    vrrp_garp_master_delay 1
    vrrp_garp_lower_prio_repeat 2
    vrrp_garp_lower_prio_delay 1
    vrrp_garp_master_refresh 60
    vrrp_garp_master_refresh_repeat 1
}
`;
}

/** Two more bytes than there are numbers of virtual routers: nobody's link-local addresses but ours. */
export const CONSTANT_IPV4_PREFIX = '169.254.77';
export const CONSTANT_IPV6_PREFIX = 'fe80::5:7';

/** After how long a preferred node takes addresses back, in seconds: one that comes and goes must not take them to and fro. */
const TAKE_BACK_DELAY_S = 60;

function routerSection(router: VirtualRouter, settings: AnnounceSettings): string {
  const { name, interface: device, carrier, id, priority, takesBack, addresses } = router;
  invariant(id >= 1 && id <= 255 && priority >= 1 && priority <= 254, 'numbers of VRRP are in their ranges');
  const dev = word(device);
  const constant =
    carrier === 4
      ? `${CONSTANT_IPV4_PREFIX}.${String(id)}/32 dev ${dev} scope host noprefixroute`
      : `${CONSTANT_IPV6_PREFIX}:${id.toString(16)}/128 dev ${dev} noprefixroute preferred_lft 0`;
  const lines = addresses.map((address) => `        ${addressLine(address, dev)}`);
  return `${trackFile(word(name), eligibilityFile(router), settings)}
vrrp_instance ${word(name)} {
    state BACKUP
    ${takesBack ? `preempt_delay ${String(TAKE_BACK_DELAY_S)}` : 'nopreempt'}
    interface ${dev}
    virtual_router_id ${String(id)}
    priority ${String(priority)}
    advert_int ${String(settings.advertisementMs / 1000)}
    track_file {
        node
        ${word(name)}
    }
    virtual_ipaddress {
        ${constant}
    }
    virtual_ipaddress_excluded {
${lines.join('\n')}
    }
}
`;
}

/** IPv6 addresses are deprecated from the start, so that none becomes the source of what the node sends by itself. */
function addressLine(address: IpAddress, device: string): string {
  return isIpv6Address(address)
    ? `${word(address)}/128 dev ${device} noprefixroute preferred_lft 0`
    : `${word(address)}/32 dev ${device} noprefixroute`;
}

/** A value is written before it is read for the first time; the router is had where both files say so. */
function trackFile(name: string, file: string, { folder }: AnnounceSettings): string {
  return `track_file ${name} {
    file "${path(folder, file)}"
    weight 1
    init_file 0
}
`;
}

/** A word of keepalived.conf, or of nft's rules, that needs no quotes: `!` and `#` begin comments, `$` a variable, `"`, `'`, blanks and braces divide. */
export function word(text: string): string {
  invariant(/^[A-Za-z0-9._:-]+$/.test(text), `${JSON.stringify(text)} is a word of keepalived.conf`);
  return text;
}

function path(folder: string, file: string): string {
  invariant(/^\/[A-Za-z0-9._/-]+$/.test(folder), `${JSON.stringify(folder)} is a path that needs no quotes`);
  return `${folder}/${file}`;
}
