import { Counter, Gauge, type Registry } from 'prom-client';
import type { BgpPeerState } from '../model/bgp-peer-state.ts';

/** What is measured of BGP sessions: under our own names by BGPPeer, and under MetalLB's by address, for dashboards that there are. */
export class BgpMetrics {
  readonly #up: readonly Gauge[];
  readonly #prefixes: readonly Gauge[];
  readonly #updates: readonly Counter[];
  readonly #bfd: readonly Gauge[];

  constructor(registry: Registry) {
    const registers = [registry];
    const labelNames = ['peer'];
    const up = '1 while the BGP session with the peer is established, else 0.';
    const prefixes = 'Prefixes that the peer is given.';
    const updates = 'Updates of routes that the peer was sent, withdrawals among them.';
    const bfd = '1 while BFD has the peer, else 0; nothing of a peer that it does not watch.';
    this.#up = [
      new Gauge({ name: 'sluice_bgp_session_up', help: up, labelNames, registers }),
      new Gauge({ name: 'metallb_bgp_session_up', help: up, labelNames, registers }),
    ];
    this.#prefixes = [
      new Gauge({ name: 'sluice_bgp_prefixes', help: prefixes, labelNames, registers }),
      new Gauge({ name: 'metallb_bgp_announced_prefixes_total', help: prefixes, labelNames, registers }),
    ];
    this.#updates = [
      new Counter({ name: 'sluice_bgp_updates_sent_total', help: updates, labelNames, registers }),
      new Counter({ name: 'metallb_bgp_updates_total', help: updates, labelNames, registers }),
    ];
    this.#bfd = [
      new Gauge({ name: 'sluice_bfd_session_up', help: bfd, labelNames, registers }),
      new Gauge({ name: 'metallb_bfd_session_up', help: bfd, labelNames, registers }),
    ];
  }

  /** The sessions of this node; what is known of others is forgotten. */
  peers(peers: readonly BgpPeerState[]): void {
    for (const metric of [this.#up, this.#prefixes, this.#updates, this.#bfd].flat()) metric.reset();
    for (const state of peers)
      for (const [index, peer] of [state.peer, state.neighbor].entries()) {
        this.#up[index]?.set({ peer }, state.isUp ? 1 : 0);
        this.#prefixes[index]?.set({ peer }, state.announced);
        this.#updates[index]?.inc({ peer }, state.updatesSent);
        if (state.bfd !== '-') this.#bfd[index]?.set({ peer }, state.bfd === 'up' ? 1 : 0);
      }
  }
}
