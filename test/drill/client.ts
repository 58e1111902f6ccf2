/**
 * Asks an address over UDP and over TCP every few milliseconds, and each question that has no answer in time a second time:
 * `node client.ts ADDRESS PORT INTERVAL_MS`. Writes a line for each question: `PROTOCOL SENT_MS first|second NAME`, or
 * `PROTOCOL SENT_MS failed -`. Times are those of CLOCK_MONOTONIC, which all processes of a machine share.
 */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { crash } from '../../src/lib/crash.ts';

const [, , address = '', port = '', interval = ''] = process.argv;

/** For so long a client waits before it asks again. */
const PATIENCE_MS = 100;

/** Asks once. Resolves with the name of who answered, or undefined where nobody did in time. */
type Ask = () => Promise<string | undefined>;

const udp = createSocket(address.includes(':') ? 'udp6' : 'udp4');
const answered = new Map<string, (name: string) => void>();
let lastId = 0;

udp.on('message', (message) => {
  const [id = '', name = ''] = message.toString().split(' ');
  answered.get(id)?.(name);
});
// An address that nobody has makes sends fail for a while.
udp.on('error', () => {});

const askByUdp: Ask = () => {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  lastId += 1;
  const id = String(lastId);
  const finish = (name: string | undefined): void => {
    clearTimeout(patience);
    answered.delete(id);
    resolve(name);
  };
  const patience = setTimeout(() => finish(undefined), PATIENCE_MS);
  answered.set(id, finish);
  udp.send(id, Number(port), address, () => {});
  return promise;
};

const askByTcp: Ask = () => {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const socket = connect({ host: address, port: Number(port), noDelay: true });
  const finish = (name: string | undefined): void => {
    clearTimeout(patience);
    socket.resetAndDestroy();
    resolve(name);
  };
  const patience = setTimeout(() => finish(undefined), PATIENCE_MS);
  socket.once('data', (data: Buffer) => finish(data.toString().trim()));
  // A refusal is no answer: the client waits for as long as it would have waited for one.
  socket.on('error', () => {});
  return promise;
};

function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

async function question(protocol: string, ask: Ask): Promise<void> {
  const sent = nowMs().toFixed(1);
  const first = await ask();
  const name = first ?? (await ask());
  const outcome = first !== undefined ? 'first' : name !== undefined ? 'second' : 'failed';
  process.stdout.write(`${protocol} ${sent} ${outcome} ${name ?? '-'}\n`);
}

setInterval(() => {
  question('UDP', askByUdp).catch(crash);
  question('TCP', askByTcp).catch(crash);
}, Number(interval));
// It ends with whoever started it.
process.stdin.resume();
process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL'));
