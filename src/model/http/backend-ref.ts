import type { Hostname, IpAddress } from '../grammar.ts';

/** A port of a Service, resolved to the number that the Service declares. */
export interface BackendRef {
  /** Of one that no Service names: a name or an address, which its `service` is made from. */
  readonly external?: Hostname | IpAddress | undefined;
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
}
