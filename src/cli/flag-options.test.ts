import { Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { environmentNameOf, nameOfFlag, type Flag } from '../app/flags/flag.ts';
import { RUN_FLAGS, runFlagDefaults, type RunFlags } from '../app/flags/register.ts';
import { l4SettingsOf } from '../app/run-options.ts';
import { API_FLAGS } from './api.ts';
import { flagValues, parseRunFlags, refuseIdleFlags, runFlagValues, withFlags, withRunFlags } from './flag-options.ts';

const ROWS = Object.entries(RUN_FLAGS).flatMap(([place, { flags }]) =>
  Object.entries<Flag<unknown>>(flags).map(([key, row]) => ({ place, key, row, name: nameOfFlag(row) })),
);

/** A value that each flag takes, and that is not its default. */
const EXAMPLES = [
  'true',
  'false',
  '10.7.0.1',
  '7',
  '70',
  '10.7.0.0/16',
  'allow',
  '127.0.0.1:7',
  '7-8',
  'ns/name',
  'node',
  'text',
  'json',
  'debug',
  'NodeCIDR',
  'strict-nginx',
  'a.test',
  '7m',
  'team=shop',
];

function exampleOf(row: Flag<unknown>): string {
  const found = EXAMPLES.find((text) => {
    try {
      return JSON.stringify(row.read(text)) !== JSON.stringify(row.default);
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error(`no example for ${row.flag}`);
  return found;
}

function valueAt(flags: RunFlags, place: string, key: string): unknown {
  return (flags as unknown as Readonly<Record<string, Readonly<Record<string, unknown>>>>)[place]?.[key];
}

function parsed(words: readonly string[]): Command {
  const command = withRunFlags(new Command().exitOverride().configureOutput({ writeErr: () => {} }));
  return command.parse([...words], { from: 'user' });
}

describe('every flag of the register', () => {
  it('has a name of its own, and so has its variable', () => {
    for (const nameOf of [nameOfFlag, environmentNameOf])
      expect(new Set(ROWS.map(({ row }) => nameOf(row))).size).toBe(ROWS.length);
  });

  it.each(ROWS)('$name is its default, is given on the command line, and in the environment', (flag) => {
    const { place, key, row, name } = flag;
    const text = exampleOf(row);
    const given = row.flag.includes('<') ? [name, text] : [name];
    const wanted = row.read(text);
    expect(valueAt(runFlagValues(parsed([]), {}), place, key)).toEqual(row.default);
    expect(valueAt(runFlagDefaults(), place, key)).toEqual(row.default);
    expect(valueAt(parseRunFlags(given), place, key)).toEqual(wanted);
    expect(valueAt(runFlagValues(parsed([]), { [environmentNameOf(row)]: text }), place, key)).toEqual(wanted);
  });
});

describe('the environment', () => {
  const httpPort = (words: readonly string[], SLUICE_HTTP_PORT: string): number =>
    runFlagValues(parsed(words), { SLUICE_HTTP_PORT }).engine.httpPort;

  it('comes after the command line', () => {
    expect(httpPort([], '81')).toBe(81);
    expect(httpPort(['--http-port', '82'], '81')).toBe(82);
  });

  it('turns switches on and off', () => {
    const accessLog = (SLUICE_NO_ACCESS_LOG: string): boolean =>
      runFlagValues(parsed([]), { SLUICE_NO_ACCESS_LOG }).engine.hasAccessLog;
    expect(accessLog('true')).toBe(false);
    expect(accessLog('false')).toBe(true);
    expect(() => accessLog('yes')).toThrow('Give true or false.');
  });

  it('says nothing by an empty variable, or by one that kubelet has made of a Service', () => {
    expect(httpPort([], '')).toBe(8080);
    expect(httpPort([], 'tcp://10.96.0.10:80')).toBe(8080);
  });

  it('is named where it is wrong', () => {
    expect(() => httpPort([], '80x')).toThrow(
      'SLUICE_HTTP_PORT of the environment is "80x", for --http-port. Give a port from 1 to 65535.',
    );
  });

  it('has the address that the API of the same container listens on', () => {
    const command = withFlags(new Command('get'), API_FLAGS).parse([], { from: 'user' });
    expect(flagValues(command, API_FLAGS, { SLUICE_API_ADDRESS: ':9901' }).apiAddress).toBe('127.0.0.1:9901');
  });

  it('does not decide about flags that a command does not have', () => {
    const command = withRunFlags(new Command(), ({ isChecked }) => isChecked === true).parse([], { from: 'user' });
    const flags = runFlagValues(command, { SLUICE_HTTP_PORT: '81', SLUICE_EXTERNAL_IPS: 'allow' });
    expect(flags.engine.httpPort).toBe(8080);
    expect(flags.l4.externalIps).toEqual({ kind: 'allow' });
  });
});

it.each([
  ['--http-port', '0'],
  ['--api-address', ':x'],
  ['--healthz-address', '9901'],
  ['--log-level', 'loud'],
  ['--role', 'nod'],
])('what is wrong on the command line is refused before anything starts: %s %s', (flag, text) => {
  expect(() => parsed([flag, text])).toThrow(CommanderError);
});

describe('how pods are recognized', () => {
  const detectionOf = (text: string): unknown => l4SettingsOf(parseRunFlags(text.split(' '))).localDetection;

  it.each([
    ['--cluster-cidr 10.0.0.0/8', { mode: 'ClusterCIDR', cidrs: [expect.objectContaining({ text: '10.0.0.0/8' })] }],
    ['--detect-local-mode NodeCIDR', { mode: 'NodeCIDR' }],
    ['--detect-local-mode BridgeInterface --pod-bridge-interface cni0', { mode: 'BridgeInterface', interface: 'cni0' }],
    [
      '--detect-local-mode InterfaceNamePrefix --pod-interface-name-prefix veth',
      { mode: 'InterfaceNamePrefix', prefix: 'veth' },
    ],
  ])('is taken: %s', (flags, expected) => {
    expect(detectionOf(flags)).toEqual(expected);
  });

  it.each([
    [
      '--pod-bridge-interface cni0',
      '--pod-bridge-interface is for --detect-local-mode BridgeInterface, and the mode is ClusterCIDR: write --detect-local-mode BridgeInterface, or leave --pod-bridge-interface out',
    ],
    [
      '--detect-local-mode BridgeInterface --pod-bridge-interface cni0 --pod-interface-name-prefix veth',
      '--pod-interface-name-prefix is for --detect-local-mode InterfaceNamePrefix, and the mode is BridgeInterface',
    ],
    [
      '--detect-local-mode NodeCIDR --cluster-cidr 10.0.0.0/8',
      '--cluster-cidr is for --detect-local-mode ClusterCIDR, and the mode is NodeCIDR',
    ],
    [
      '--detect-local-mode BridgeInterface --cluster-cidr 10.0.0.0/8',
      '--cluster-cidr is for --detect-local-mode ClusterCIDR, and the mode is BridgeInterface',
    ],
    ['--detect-local-mode BridgeInterface', '--detect-local-mode BridgeInterface needs --pod-bridge-interface NAME'],
    [
      '--detect-local-mode InterfaceNamePrefix',
      '--detect-local-mode InterfaceNamePrefix needs --pod-interface-name-prefix PREFIX',
    ],
  ])('is refused: %s', (flags, message) => {
    expect(() => detectionOf(flags)).toThrow(message);
  });
});

describe('flags that nobody looks at', () => {
  const refuse = (text: string, environment: Readonly<Record<string, string>> = {}): void => {
    const command = parsed(text.split(' '));
    refuseIdleFlags(command, runFlagValues(command, environment));
  };

  it.each([
    '--manifests x --role node --takeover',
    '--manifests x --role gateway,node --node-name node-a',
    '--manifests x --takeover --zone zone-a',
    '--manifests x --role gateway',
    '--manifests x --role gateway --service-cluster-ip-range 10.0.0.0/8 --service-node-port-range 30000-30099',
    '--kubeconfig x --external-ips allow',
  ])('are none of these: %s', (flags) => {
    expect(() => refuse(flags)).not.toThrow();
  });

  it.each([
    [
      '--role gateway,controller --zone zone-a --no-kernel-settings',
      'only the role node looks at --zone, --no-kernel-settings: write --role node,gateway,controller, or leave out what is for that role',
    ],
    // Nor does it help that it says what holds anyway.
    ['--role controller --nodeport-addresses primary', '--nodeport-addresses: write --role node,controller'],
    ['--role gateway --external-ips allow', '--external-ips'],
    ['--kubeconfig x --service-cluster-ip-range 10.0.0.0/8', '--service-cluster-ip-range is for a folder of manifests'],
    ['--manifests x --context y', '--context is for an API server: leave it out with --manifests'],
    ['--kubeconfig x --service-node-port-range 30000-30099', '--service-node-port-range is for a folder of manifests'],
  ])('are refused: %s', (flags, message) => {
    expect(() => refuse(flags)).toThrow(message);
  });

  it('may stand in the environment, which several processes share', () => {
    expect(() => refuse('--manifests x --role gateway', { SLUICE_ZONE: 'zone-a' })).not.toThrow();
  });
});
