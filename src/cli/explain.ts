import { Command, InvalidArgumentError } from 'commander';
import { option } from '../app/flags/flag.ts';
import { oneOf } from '../app/flags/readers.ts';
import { Fault } from '../lib/fault.ts';
import { ipAddressOf, isPort, type IpAddress } from '../model/grammar.ts';
import type { TransportProtocol } from '../model/service.ts';
import type { PacketAnswer } from '../observe/explain.ts';
import { API_FLAGS, askApi } from './api.ts';
import { flagValues, withFlags } from './flag-options.ts';
import { print } from './print.ts';

const EXAMPLES = `Examples:
  sluice explain 10.244.1.5 10.96.0.10:80
  sluice explain 192.0.2.7 192.0.2.10:30053/udp
  sluice explain fd00::5 '[fd00:10:96::a]:443'

`;

/** Where a packet goes. */
interface Destination {
  readonly address: IpAddress;
  readonly port: number;
  readonly protocol: TransportProtocol;
}

const FLAGS = {
  output: option({
    flag: '-o, --output <text|json>',
    help: 'how the answer is written',
    read: oneOf('text', 'json'),
    default: 'text',
  }),
};

/** `sluice explain`: what the kernel of the node that Sluice runs on does with a packet, and why. */
export function explainCommand(): Command {
  const command = new Command('explain')
    .addHelpText('before', EXAMPLES)
    .argument('<client-ip>', 'address of the client', clientOf)
    .argument('<address:port[/protocol]>', 'what it connects to; the protocol is tcp unless given', destinationOf);
  return withFlags(withFlags(command, FLAGS), API_FLAGS).action(
    async (client: IpAddress, to: Destination, _: unknown, parsed: Command) => {
      const { output } = flagValues(parsed, FLAGS, {});
      const api = flagValues(parsed, API_FLAGS, process.env);
      if (client.includes(':') !== to.address.includes(':'))
        throw new Fault('usage', `${client} and ${to.address} are of different families: no packet goes between them`, {
          retryable: false,
        });
      const query = new URLSearchParams({
        client,
        destination: to.address,
        port: String(to.port),
        protocol: to.protocol,
      });
      // The answer comes from the API of the same program, whose type this is.
      const answer = (await askApi(api, `/api/v1/explain?${query.toString()}`)) as unknown as PacketAnswer;
      print(output === 'json' ? `${JSON.stringify(answer, undefined, 2)}\n` : formatAnswer(client, to, answer));
    },
  );
}

function formatAnswer(client: string, to: Destination, answer: PacketAnswer): string {
  const target = `${hostPort(to.address, to.port)}/${to.protocol.toLowerCase()}`;
  const lines = [
    headline(client, target, answer),
    ...answer.announcement.map((step) => `  address: ${step}`),
    ...answer.endpoints.map(
      ({ address, port, isMasqueraded }) => `  ${hostPort(address, port)}${isMasqueraded ? '  (masqueraded)' : ''}`,
    ),
    `  client:  ${answer.client}`,
    ...(answer.service === '' ? [] : [`  Service: ${answer.service}`]),
    ...answer.because.map((reason) => `  because: ${reason}`),
  ];
  return `${lines.join('\n')}\n`;
}

/** Where packets arrive at another node, what this one would do is said as that. */
function headline(client: string, target: string, answer: PacketAnswer): string {
  const { announcement, arrivesAt } = answer;
  if (announcement.length === 0) return `${client} to ${target}: ${outcomeText(answer)}`;
  if (arrivesAt.length === 0) return `${client} to ${target}: arrives nowhere; here it ${outcomeText(answer)}`;
  return `${client} to ${target}: arrives at ${arrivesAt.join(', ')}; here it ${outcomeText(answer)}`;
}

function outcomeText({ outcome, endpoints }: PacketAnswer): string {
  switch (outcome) {
    case 'endpoints':
      return endpoints.length === 1
        ? 'goes to its one endpoint'
        : `goes to one of ${String(endpoints.length)} endpoints`;
    case 'dropped':
      return 'is dropped';
    case 'refused':
      return 'is refused';
    case 'untouched':
      return 'passes untouched';
  }
}

function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${String(port)}` : `${address}:${String(port)}`;
}

function clientOf(text: string): IpAddress {
  const address = ipAddressOf(text);
  if (address === undefined) throw new InvalidArgumentError('Give an IP address.');
  return address;
}

function destinationOf(text: string): Destination {
  const [, inBrackets, plain, digits = '', name = 'tcp'] =
    /^(?:\[([^\]]+)\]|([^:[\]]+)):(\d+)(?:\/(tcp|udp|sctp))?$/i.exec(text) ?? [];
  const address = ipAddressOf(inBrackets ?? plain ?? '');
  const port = Number(digits);
  if (address === undefined || !isPort(port))
    throw new InvalidArgumentError('Give ADDRESS:PORT or ADDRESS:PORT/udp, with an IPv6 address in brackets.');
  const protocol = name.toUpperCase();
  return { address, port, protocol: protocol === 'UDP' || protocol === 'SCTP' ? protocol : 'TCP' };
}
