import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { REAL_TIME } from './real-time.ts';

/** An address that came to a node, or left it. */
export interface AddressChange {
  readonly node: string;
  readonly address: string;
  readonly isGone: boolean;
  /** Milliseconds since 1970, of the machine on which all nodes are. */
  readonly atMs: number;
}

/** Follows the IPv4 addresses of nodes, by `ip monitor` in each of their namespaces. */
export class AddressMonitor {
  readonly #children: readonly ChildProcess[];
  readonly changes: AddressChange[] = [];

  constructor(namespaces: readonly (readonly [node: string, file: string])[]) {
    this.#children = namespaces.map(([node, file]) => {
      const command = [...REAL_TIME, 'ip', '-4', '-o', '-ts', 'monitor', 'address'];
      const child = spawn('nsenter', [`--net=${file}`, ...command], { stdio: ['ignore', 'pipe', 'inherit'] });
      let rest = '';
      child.stdout.on('data', (chunk: Buffer) => {
        const lines = (rest + chunk.toString()).split('\n');
        rest = lines.pop() ?? '';
        for (const line of lines) this.#read(node, line);
      });
      return child;
    });
  }

  #read(node: string, line: string): void {
    const [, time = '', rest = '', address = ''] = /^\[(\S+)\] (.*?) inet (\S+)\/32 /.exec(line) ?? [];
    if (address !== '') this.changes.push({ node, address, isGone: /^Deleted\b/.test(rest), atMs: Date.parse(time) });
  }

  async stop(): Promise<readonly AddressChange[]> {
    for (const child of this.#children) {
      child.kill('SIGKILL');
      await once(child, 'close');
    }
    return this.changes;
  }
}
