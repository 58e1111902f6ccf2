/** Builds a network with a process in it, says so, and waits to be killed. For lab.test.ts. */
import { Agent } from './agent.ts';
import { Network } from './network.ts';

const network = await Network.create();
const agent = new Agent(network.file('ext'));
await agent.ask<'http'>({ kind: 'http', url: 'http://127.0.0.1:1/' });
process.stdout.write(`${network.prefix}\n`);
