/** Answers every datagram on a port, to whatever address it came, with the name of its node: `node responder.ts NAME PORT`. */
import { createSocket } from 'node:dgram';

const [, , name = '', port = ''] = process.argv;
for (const type of ['udp4', 'udp6'] as const) {
  const socket = createSocket({ type, ipv6Only: type === 'udp6' });
  socket.on('message', (message, sender) => socket.send(`${message.toString()} ${name}`, sender.port, sender.address));
  socket.bind(Number(port));
}
// It ends with whoever started it.
process.stdin.resume();
process.stdin.on('end', () => process.kill(process.pid, 'SIGKILL'));
