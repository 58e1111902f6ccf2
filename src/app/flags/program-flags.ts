import { ROLES } from '../role.ts';
import { booleanOf, option, optional, switchOff, switchOn } from './flag.ts';
import * as read from './readers.ts';

/** The program itself. */
export const PROGRAM_FLAGS = {
  roles: optional({
    flag: '--role <name,...>',
    help: `of ${ROLES.join(', ')}`,
    read: read.rolesOf,
    defaultText: 'all that this machine allows',
  }),
  stateDirectory: optional({
    flag: '--state-dir <dir>',
    help: 'where the last good state is kept',
    read: read.textOf,
    defaultText: '~/.local/state/sluice, as root /var/lib/sluice',
  }),
  haproxyPath: optional({
    flag: '--haproxy-path <file>',
    help: 'HAProxy 3.4.7 or newer to drive',
    read: read.textOf,
    defaultText: 'the first that is found on PATH, or that "make setup" has installed',
    environment: 'SLUICE_HAPROXY',
  }),
  leaseNamespace: optional({
    flag: '--lease-namespace <name>',
    help: 'namespace of the Leases by which replicas elect their leader and gateways report their addresses',
    read: read.textOf,
    defaultText: 'that of the pod',
  }),
  leaseName: optional({
    flag: '--lease-name <name>',
    help: 'Lease by which the leader is elected who writes status and Events',
    read: read.objectNameOf,
    defaultText: 'sluice-leader, and sluice-CLASS-leader for another --ingress-class',
  }),
  writesIngressStatus: option({
    flag: '--update-status <bool>',
    help: 'write addresses to the status of Ingresses; give false beside another controller that serves the same ones',
    read: booleanOf,
    default: true,
    role: 'controller',
  }),
  hasEvents: switchOff({ flag: '--no-events', help: 'write no Events to the API server' }),
  apiAddress: option({
    flag: '--api-address <host:port>',
    help: 'where the JSON API, health and metrics listen; beyond loopback with --api-token-file alone',
    read: read.listenOn,
    default: '127.0.0.1:9901',
  }),
  apiTokenFile: optional({
    flag: '--api-token-file <file>',
    help: 'token that the JSON API asks for; health and metrics do not',
    read: read.textOf,
  }),
  healthAddress: option({
    flag: '--health-address <host:port|none>',
    help: 'where health and metrics listen besides, without the JSON API; :PORT is all addresses',
    read: read.listenOnOrNone,
    default: undefined,
    defaultText: 'none',
  }),
  logFormat: option({
    flag: '--log-format <json|text>',
    help: 'how the log is written',
    read: read.oneOf('json', 'text'),
    default: process.stderr.isTTY ? 'text' : 'json',
    defaultText: 'text on a terminal, json elsewhere',
  }),
  logLevel: option({
    flag: '--log-level <debug|info|warn|error>',
    help: 'the least important lines that are written',
    read: read.oneOf('debug', 'info', 'warn', 'error'),
    default: 'info',
  }),
  keepsServing: switchOn({ flag: '--keep-serving', help: 'leave HAProxy serving when Sluice ends, for restarts' }),
  shutdownDelayMs: option({
    flag: '--shutdown-delay <seconds>',
    help: 'keep taking connections this long after SIGTERM, not ready',
    read: read.secondsAsMs,
    default: 0,
    defaultText: '0',
  }),
  drainMs: option({
    flag: '--drain-timeout <seconds>',
    help: 'let running requests end for this long',
    read: read.secondsAsMs,
    default: 30_000,
    defaultText: '30',
  }),
};
