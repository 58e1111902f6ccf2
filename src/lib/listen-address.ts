/** Where a server is to listen, as Node takes it. */
export interface ListenAddress {
  readonly port: number;
  /** Not there: all addresses of both families, or of IPv4 where there is no IPv6. */
  readonly host?: string;
}

/** What `HOST:PORT`, `[IPV6]:PORT` or `:PORT` means. */
export function listenAddressOf(text: string): ListenAddress {
  const separator = text.lastIndexOf(':');
  const host = text.slice(0, separator).replace(/^\[(.*)\]$/, '$1');
  const port = Number(text.slice(separator + 1));
  return host === '' ? { port } : { port, host };
}
