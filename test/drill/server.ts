/** Answers with its name over UDP and TCP, as an endpoint of a Service on the host network: `node server.ts NAME ADDRESS PORT`. */
import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';

const [, , name = '', address = '', port = ''] = process.argv;
const socket = createSocket('udp4');
socket.on('message', (message, sender) => socket.send(`${message.toString()} ${name}`, sender.port, sender.address));
socket.bind(Number(port), address);
const server = createServer((connection) => {
  connection.on('error', () => {});
  connection.end(`${name}\n`);
});
server.listen(Number(port), address);
// It ends with whoever started it.
process.stdin.resume();
process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL'));
