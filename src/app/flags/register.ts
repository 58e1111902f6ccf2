import { defaultsOf, type FlagGroup, type ValuesOf } from './flag.ts';
import { COMPILE_FLAGS, ENGINE_FLAGS } from './http-flags.ts';
import { INGRESS_NGINX_FLAGS } from './ingress-nginx-flags.ts';
import { ANNOUNCE_FLAGS, BGP_FLAGS, CONNTRACK_FLAGS, DETECTION_FLAGS, L4_FLAGS, NODE_FLAGS } from './node-flags.ts';
import { PROGRAM_FLAGS } from './program-flags.ts';
import { ADDRESS_FLAGS, ALLOCATION_FLAGS, GATEWAY_FLAGS, SOURCE_FLAGS } from './source-flags.ts';

/**
 * Every flag of `sluice run`, by heading and by the place that its value goes to; each is one row of a group. Help, reference page,
 * environment variables, `check`, `demo` and the types of what the parts of the program get come from here.
 */
export const RUN_FLAGS = {
  source: { heading: 'Where the objects come from', flags: SOURCE_FLAGS },
  allocation: { heading: 'Where the objects come from', flags: ALLOCATION_FLAGS },
  addresses: { heading: 'Where the objects come from', flags: ADDRESS_FLAGS },
  gateways: { heading: 'Gateways', flags: GATEWAY_FLAGS },
  compile: { heading: 'What Ingresses mean', flags: COMPILE_FLAGS },
  ingressNginx: { heading: 'What Ingresses mean', flags: INGRESS_NGINX_FLAGS },
  engine: { heading: 'HTTP and HTTPS', flags: ENGINE_FLAGS },
  l4: { heading: 'Services in the kernel', flags: L4_FLAGS },
  detection: { heading: 'Services in the kernel', flags: DETECTION_FLAGS },
  node: { heading: 'Services in the kernel', flags: NODE_FLAGS },
  conntrack: { heading: 'Services in the kernel', flags: CONNTRACK_FLAGS },
  announce: { heading: 'Addresses on the local network', flags: ANNOUNCE_FLAGS },
  bgp: { heading: 'Addresses by BGP', flags: BGP_FLAGS },
  program: { heading: 'The program', flags: PROGRAM_FLAGS },
} as const;

/** What `sluice run` gets where nothing is given. */
export function runFlagDefaults(): RunFlags {
  const places = Object.entries(RUN_FLAGS).map(([place, { flags }]) => [place, defaultsOf<FlagGroup>(flags)] as const);
  // The entries are those of the register, whose types these are.
  return Object.fromEntries(places) as unknown as RunFlags;
}

/** All that `sluice run` can be given, read, by place. */
export type RunFlags = {
  readonly [Place in keyof typeof RUN_FLAGS]: ValuesOf<(typeof RUN_FLAGS)[Place]['flags']>;
};
