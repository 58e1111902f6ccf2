import { createSocket } from 'node:dgram';
import { connect, isIPv6, type Socket } from 'node:net';
import type { ProbeCommand, Reply, Target } from './protocol.ts';

/**
 * So many probes at once at most, whatever is asked of this process. With thousands in flight datagrams are lost where sockets
 * overflow, which says nothing about the rules.
 */
const WIDTH = 16;

let inFlight = 0;
const queue: (() => void)[] = [];

async function inTurn<T>(action: () => Promise<T>): Promise<T> {
  if (inFlight >= WIDTH) await new Promise<void>((resolve) => queue.push(resolve));
  inFlight += 1;
  try {
    return await action();
  } finally {
    inFlight -= 1;
    queue.shift()?.();
  }
}

export async function probe(command: ProbeCommand): Promise<readonly Reply[]> {
  const { target, count, patienceMs } = command;
  const ask = (): Promise<Reply> =>
    target.protocol === 'TCP'
      ? askOverTcp(target, patienceMs, command.localPort, command.payloadBytes)
      : askOverUdp(target, patienceMs, command.localPort ?? nextUdpPort());
  if (command.localPort === undefined) return Promise.all(Array.from({ length: count }, () => inTurn(ask)));
  const replies: Reply[] = [];
  while (replies.length < count) replies.push(await inTurn(ask));
  return replies;
}

/** One connect, its greeting, and a reset: that leaves no TIME_WAIT on either side. */
export function askOverTcp(target: Target, patienceMs: number, localPort?: number, payloadBytes = 0): Promise<Reply> {
  const { promise, resolve } = Promise.withResolvers<Reply>();
  const socket = connectTo(target, localPort);
  const finish = (reply: Reply): void => {
    clearTimeout(patience);
    socket.resetAndDestroy();
    resolve(reply);
  };
  const patience = setTimeout(() => finish({ kind: 'silent' }), patienceMs);
  const payload = Buffer.alloc(payloadBytes, 'x');
  let heard = '';
  socket.on('connect', () => {
    if (payloadBytes > 0) socket.write(payload);
  });
  socket.on('data', (chunk: Buffer) => {
    heard += chunk.toString('latin1');
    const end = heard.indexOf('\n');
    if (end !== -1 && heard.length - end - 1 >= payloadBytes) finish(greetingOf(heard.slice(0, end)));
  });
  socket.on('error', (error) => finish(failureOf(error)));
  socket.on('close', () => finish({ kind: 'failed', code: 'closed before a greeting' }));
  return promise;
}

export function connectTo({ address, port }: Target, localPort?: number): Socket {
  return connect({ host: address, port, noDelay: true, ...(localPort !== undefined && { localPort }) });
}

function askOverUdp({ address, port }: Target, patienceMs: number, localPort: number): Promise<Reply> {
  const { promise, resolve } = Promise.withResolvers<Reply>();
  const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
  const finish = (reply: Reply): void => {
    clearTimeout(patience);
    clearInterval(again);
    socket.removeAllListeners('error').on('error', () => {});
    socket.close(() => resolve(reply));
  };
  const patience = setTimeout(() => finish({ kind: 'silent' }), patienceMs);
  const send = (): void =>
    socket.send('hello', (error) => {
      if (error !== null) finish(failureOf(error));
    });
  let again: NodeJS.Timeout | undefined;
  socket.once('message', (message) => finish(greetingOf(message.toString().trimEnd())));
  socket.once('error', (error) => finish(failureOf(error)));
  socket.bind(localPort, () => {
    // Connected, because only then does an ICMP error reach the socket, and only answers from whom was asked.
    socket.connect(port, address, () => {
      send();
      again = setInterval(send, RESEND_MS);
    });
  });
  return promise;
}

/** As every UDP client does: a datagram may be lost. */
const RESEND_MS = 1_000;

const udpPorts = { from: 10_000, to: 60_000 };
let lastUdpPort = udpPorts.from;

/** A port that is not used again before its flow is long forgotten: chance would find an old flow's entry now and then. */
function nextUdpPort(): number {
  lastUdpPort = lastUdpPort === udpPorts.to ? udpPorts.from : lastUdpPort + 1;
  return lastUdpPort;
}

function greetingOf(line: string): Reply {
  const [by = '', client = ''] = line.split(' ');
  return { kind: 'answered', by, client };
}

function failureOf(error: Error): Reply {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.message;
  if (code === 'ECONNREFUSED') return { kind: 'refused' };
  return code === 'EPERM' ? { kind: 'denied' } : { kind: 'failed', code };
}
