import { networkInterfaces } from 'node:os';
import type { NodeFacts } from '../compile/settings.ts';
import { ipAddressOf, type IpAddress } from '../model/grammar.ts';

/** How often interfaces are looked at, in milliseconds: addresses come and go rarely, and looking costs microseconds. */
const LOOK_EVERY_MS = 2_000;

/** The addresses of this machine's interfaces, followed as they change. */
export class InterfaceAddresses {
  #facts: NodeFacts = observe();

  /** The same object until an address comes or goes. */
  get facts(): NodeFacts {
    return this.#facts;
  }

  /** Calls `onChange` whenever an address comes or goes, until `signal` is aborted. */
  follow(signal: AbortSignal, onChange: () => void): void {
    const timer = setInterval(() => {
      const facts = observe();
      if (facts.addresses.join() === this.#facts.addresses.join()) return;
      this.#facts = facts;
      onChange();
    }, LOOK_EVERY_MS);
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  }
}

function observe(): NodeFacts {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const addresses = all.flatMap(({ address, internal }): readonly IpAddress[] => {
    const ip = ipAddressOf(address);
    // Link-local addresses mean nothing without their interface, so nobody elsewhere can name them.
    return ip === undefined || internal || /^fe[89ab]/.test(ip) ? [] : [ip];
  });
  return { addresses: [...new Set(addresses)] };
}
