/**
 * Asks an address every few milliseconds and writes a line for each answer, `SENT_MS NAME`, until its standard input ends:
 * `node prober.ts ADDRESS PORT INTERVAL_MS`. Times are those of the monotonic clock.
 */
import { createSocket } from 'node:dgram';

const [, , address = '', port = '', interval = ''] = process.argv;
const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
const sentMs = new Map<string, number>();
let count = 0;

socket.on('message', (message) => {
  const [id = '', name = ''] = message.toString().split(' ');
  const ms = sentMs.get(id);
  if (ms !== undefined) process.stdout.write(`${ms.toFixed(1)} ${name}\n`);
  sentMs.delete(id);
});
// An address that nobody has makes sends fail for a while.
socket.on('error', () => {});

setInterval(() => {
  count += 1;
  sentMs.set(String(count), performance.now());
  socket.send(String(count), Number(port), address, () => {});
}, Number(interval));
// It ends with whoever started it.
process.stdin.resume();
process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL'));
