/** What is known of a Fault beside its message, which says what happened this time. */
export interface FaultEntry {
  /** One sentence. */
  readonly meaning: string;
  /** What a person can do. */
  readonly remedy: string;
}

const NOTHING = 'Nothing, unless it lasts: it is tried again.';
const LOOK_AT_API_SERVER =
  'Nothing, unless it lasts: it is tried again. Then look at the API server, and at proxies before it.';

/**
 * Every code of a Fault (`lib/fault.ts`), which stands in the log as `code`. The floors that throw them may not import this list; a test
 * holds it to what they throw. A code never changes its meaning.
 */
export const FAULTS = {
  'access-log': {
    meaning: 'Another Sluice serves from the same state directory.',
    remedy: 'End it, or choose another folder with `--state-dir`.',
  },
  announce: {
    meaning: 'The folder of what announces addresses, in the state directory, cannot be written to.',
    remedy: 'Make room on the disk, or mend what the message names. It is tried again.',
  },
  api: {
    meaning: 'A command of the command line got no answer from a running Sluice.',
    remedy: 'Start one, or say where it is with `--api-address`, and with `--api-token-file` who asks.',
  },
  'api-token': {
    meaning: 'The file with the token of the API cannot be used.',
    remedy: 'Give `--api-token-file` a file that Sluice can read, with one token in it.',
  },
  'bird-gone': {
    meaning: 'BIRD, which speaks BGP, ended or closed its control socket while it was asked.',
    remedy: 'Nothing: another one is started. If it happens again and again, read bgp/bird.log in the state directory.',
  },
  'bird-missing': {
    meaning: 'BIRD 2, which speaks BGP, is not installed.',
    remedy: 'Install what the message names, or run without `--bgp`.',
  },
  'bird-refused': {
    meaning: 'BIRD did not take its configuration; it goes on with the one that it has.',
    remedy: 'Nothing, unless it lasts: it is tried again. Then read its reason in the message.',
  },
  'bird-silent': {
    meaning: 'BIRD is there and does not answer.',
    remedy: 'Nothing, unless it lasts: one that stays silent for twenty seconds is replaced.',
  },
  'bird-start': {
    meaning: 'BIRD does not start.',
    remedy: 'Read its reason in the message. It is tried again.',
  },
  'conntrack-failed': {
    meaning: 'The program conntrack, which has the kernel forget flows, failed.',
    remedy: 'Nothing, unless it lasts: it is tried again. Then read what it says in the message.',
  },
  'conntrack-missing': {
    meaning: 'The program conntrack is not installed, so that UDP clients can stay with an endpoint that is gone.',
    remedy: 'Install the package conntrack (elsewhere conntrack-tools).',
  },
  demo: {
    meaning: 'The demonstration cannot have a port that it needs.',
    remedy: 'End the other demonstration, or whatever has the port.',
  },
  'haproxy-check': {
    meaning: 'HAProxy was to say which object it refuses, and was ended or gave no answer in time.',
    remedy:
      'Nothing, unless it lasts: it is tried again. Then look whether the machine lacks memory, or waits for a disk.',
  },
  'haproxy-gone': {
    meaning: 'HAProxy ended or closed its runtime CLI while it was to be changed.',
    remedy:
      'Nothing: another process takes its place. If it happens again and again, read haproxy.log in the state directory.',
  },
  'haproxy-missing': {
    meaning: 'There is no HAProxy that is new enough.',
    remedy: 'Run `make setup` in the checkout, or name one with `--haproxy-path`.',
  },
  'haproxy-refused': {
    meaning: 'HAProxy did not carry out a change.',
    remedy:
      'Nothing: another process takes over with everything. An object that it does not take either is left out, and named in the log.',
  },
  'haproxy-silent': {
    meaning: 'HAProxy is there and does not answer.',
    remedy: 'Look whether its process is stopped or waits for a disk. One that stays silent for a minute is replaced.',
  },
  'haproxy-start': {
    meaning: 'HAProxy does not start.',
    remedy: 'Read its reason in the message. Where another program has a port, stop that, or choose other ports.',
  },
  'haproxy-unreachable': {
    meaning: 'No HAProxy listens on the runtime CLI in the state directory.',
    remedy: NOTHING,
  },
  'healthz-address': {
    meaning: 'The health of the node cannot be answered on the address of `--healthz-address`.',
    remedy: 'Choose another address, or `none`.',
  },
  'keepalived-missing': {
    meaning: 'keepalived, which announces addresses, is not installed or too old.',
    remedy: 'Install what the message names, or run without `--announce`.',
  },
  'keepalived-refused': {
    meaning: 'keepalived did not take its configuration.',
    remedy: 'Nothing, unless it lasts: it is tried again. Then read its reason in the message.',
  },
  'keepalived-silent': {
    meaning: 'keepalived is there and does not read its configuration.',
    remedy: 'Nothing, unless it lasts: it is tried again. Then look at its process.',
  },
  'keepalived-start': {
    meaning: 'keepalived does not start.',
    remedy: 'Read its reason in the message. It is tried again.',
  },
  'kernel-features': {
    meaning: 'The kernel lacks something that the rules need.',
    remedy: 'Load the module or use the kernel that the message names, or run without the role `node`.',
  },
  'kernel-memory': {
    meaning: 'The kernel has too little memory for a change of its rules.',
    remedy:
      'Nothing, unless it lasts: it is tried again, and what is programmed serves on. Then look what uses the memory.',
  },
  'kernel-permission': {
    meaning: 'The kernel may not be programmed by this process.',
    remedy: 'Run as root or with CAP_NET_ADMIN, or without the role `node`.',
  },
  'kube-config': {
    meaning: 'The kubeconfig, or what a pod is given in its place, cannot be used.',
    remedy: 'Mend what the message names.',
  },
  'kube-credentials': {
    meaning: 'The credentials for the API server cannot be read.',
    remedy: 'See that the file is there and that Sluice may read it. It is tried again.',
  },
  'kube-exec-plugin': {
    meaning: 'The program that the kubeconfig names for credentials failed.',
    remedy: 'Run it by hand: it has to print an ExecCredential. It is tried again.',
  },
  'kube-http-STATUS': {
    meaning: 'The API server answered with this HTTP status.',
    remedy:
      '401: mend the credentials. 403: grant what the message names (`deploy/` has all that is needed). 429 and 5xx pass; it is tried again.',
  },
  'kube-initial-events-unfinished': {
    meaning: 'The API server ended a watch before it had sent all objects that there are.',
    remedy: LOOK_AT_API_SERVER,
  },
  'kube-list-empty': {
    meaning: 'A list is suddenly empty that was not. Until that is confirmed, what there was keeps being served.',
    remedy: 'Nothing: it is asked again.',
  },
  'kube-list-shrunk': {
    meaning:
      'A list suddenly lacks more than half of twenty objects or more. Until that is confirmed, what there was keeps being served.',
    remedy: 'Nothing: it is asked again. Look at the API server if nobody has deleted that much.',
  },
  'kube-malformed-answer': {
    meaning: 'The API server, or a proxy before it, sent something else than was asked for.',
    remedy: LOOK_AT_API_SERVER,
  },
  'kube-proxy': {
    meaning: 'kube-proxy programs this machine, and two cannot.',
    remedy: 'Stop it, or run with `--takeover` to replace it without losing a connection.',
  },
  'kube-proxy-unknown': {
    meaning: 'Whether kube-proxy programs this machine cannot be found out.',
    remedy: 'Read what the program in the message says. It is tried again.',
  },
  'kube-stream-silent': {
    meaning: 'Nothing came over a watch for so long that it counts as broken.',
    remedy: LOOK_AT_API_SERVER,
  },
  'kube-timeout': {
    meaning: 'The API server did not answer in time.',
    remedy: LOOK_AT_API_SERVER,
  },
  'kube-tls': {
    meaning: 'The certificate of the API server is not to be trusted.',
    remedy: 'Mend the certificate authority in the kubeconfig, or the name by which the server is reached.',
  },
  'kube-unreachable': {
    meaning: 'There is no connection to the API server.',
    remedy: 'Look at the address in the message, at the network, and at proxies in the environment. It is tried again.',
  },
  listen: {
    meaning: 'The API or the health cannot be answered on its address.',
    remedy: 'Choose another with the flag that the message names.',
  },
  manifests: {
    meaning: 'The folder of manifests cannot be read.',
    remedy: 'Name a folder that is there, and that Sluice may read.',
  },
  'nft-gone': {
    meaning: 'The nft process that programs the kernel ended, or could not be started.',
    remedy: 'Nothing, unless it lasts: another is started. Then look for a full disk or for too little memory.',
  },
  'nft-link': {
    meaning: 'The link by which nft is called cannot be made in the state directory.',
    remedy: 'See that the state directory can be written to.',
  },
  'nft-list': {
    meaning:
      'What nft lists of the kernel cannot be read, as where another program has put into it what this nft does not know.',
    remedy:
      'Nothing for what Sluice programs, which goes on. Install a newer nft, so that it can look for changes by others.',
  },
  'nft-missing': {
    meaning: 'nft is not installed.',
    remedy: 'Install the package nftables, or run without the role `node`.',
  },
  'nft-refused': {
    meaning: 'The kernel refused a change.',
    remedy: 'Nothing: the Service that it does not take is left out and named, and the rest goes on.',
  },
  'nft-too-old': {
    meaning: 'nft is too old.',
    remedy: 'Install the version that the message names.',
  },
  'node-lock': {
    meaning: 'Another Sluice programs the kernel of this machine.',
    remedy: 'Stop it, or run this one without the role `node`.',
  },
  'node-lock-denied': {
    meaning: 'What keeps two Sluices off one kernel, a port below 1024, may not be taken.',
    remedy: 'Run as root or with CAP_NET_BIND_SERVICE.',
  },
  'not-found': {
    meaning: 'A command asked for an object that Sluice does not have.',
    remedy: 'Look at the list of all of them, and at the namespace.',
  },
  'password-checker': {
    meaning: 'The socket on which HAProxy asks about passwords cannot be had.',
    remedy: 'Make sure that no other program has an abstract Unix socket of that name, then start Sluice again.',
  },
  patches: {
    meaning: 'The folder that `sluice migrate` is to write patches to cannot be written to.',
    remedy: 'Name a folder that you may write to, on a disk with room.',
  },
  'program-failed': {
    meaning: 'A program that Sluice needs could not be run.',
    remedy: 'See that it is installed, and that there is memory and room on the disk.',
  },
  replay: {
    meaning: 'The access log that `sluice migrate` is to replay cannot be read.',
    remedy: 'Name a file that is there, and that you may read.',
  },
  routes: {
    meaning: 'The routing table in which the addresses stand that are announced by BGP cannot be read or changed.',
    remedy: 'Read what the kernel says in the message. It is tried again.',
  },
  running: {
    meaning: 'Nothing is uninstalled beside a Sluice that is at work.',
    remedy: 'Stop it first.',
  },
  sources: {
    meaning: 'Not everything could be read from the API server within a minute.',
    remedy: 'The message says what is missing, and why.',
  },
  'state-directory': {
    meaning: 'The state directory cannot be used or written to, or is somebody else’s.',
    remedy: 'Make room on the disk, mend what the message names, or choose another with `--state-dir`.',
  },
  usage: {
    meaning: 'The flags, or the variables of the environment in their place, contradict or make no sense.',
    remedy: 'The message says what to write; `--help` has all of them.',
  },
} as const satisfies Readonly<Record<string, FaultEntry>>;
