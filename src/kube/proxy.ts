import { BlockList, isIP } from 'node:net';
import { configFault } from './config-fault.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The HTTP proxy through which an API server is reached, as client-go chooses it: that of the kubeconfig, else that of the
 * environment (`HTTPS_PROXY`, `NO_PROXY`, also in lower case). Undefined: none.
 *
 * @param named `proxy-url` of a cluster, and where it stands, for messages
 * @throws Fault `kube-config` for a proxy of another kind
 */
export function proxyFor(
  server: URL,
  named: { readonly url: string; readonly where: string } | undefined,
  environment: Environment,
): URL | undefined {
  if (named !== undefined) {
    if (server.protocol === 'http:')
      throw configFault(`${named.where} sets proxy-url, which needs a server with https; remove proxy-url`);
    return parseProxy(named.url, `${named.where}.proxy-url`);
  }
  if (server.protocol === 'http:') return undefined;
  const name = ['HTTPS_PROXY', 'https_proxy'].find((variable) => (environment[variable] ?? '') !== '');
  if (name === undefined) return undefined;
  const exceptions = environment['NO_PROXY'] ?? environment['no_proxy'] ?? '';
  return isExcepted(server, exceptions) ? undefined : parseProxy(environment[name] ?? '', name);
}

/** `http://`, `https://`, with user and password where the proxy wants them; without a scheme, http is meant. */
function parseProxy(text: string, where: string): URL {
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`);
  if (url === null || url.hostname === '')
    throw configFault(`${where} is not the URL of a proxy; write http://HOST:PORT`);
  if (url.protocol !== 'http:' && url.protocol !== 'https:')
    throw configFault(
      `${where} names a proxy of the kind ${url.protocol.slice(0, -1)}, which is not supported; name one that speaks HTTP, such as http://HOST:PORT`,
    );
  return url;
}

/**
 * Whether NO_PROXY excepts a server: `*`, an address, a range, a name with all below it, or `.NAME` for what is below it alone, each
 * with `:PORT` or without. The machine itself always is, as for every program in Go (golang.org/x/net/http/httpproxy).
 */
function isExcepted(server: URL, exceptions: string): boolean {
  const host = server.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = server.port === '' ? '443' : server.port;
  if (host === 'localhost' || isInRange(host, '127.0.0.0/8') || host === '::1') return true;
  return exceptions.split(',').some((item) => isMatch(item.trim().toLowerCase(), host, port));
}

function isMatch(item: string, host: string, port: string): boolean {
  if (item === '') return false;
  if (item === '*') return true;
  if (item.includes('/')) return isInRange(host, item);
  const [, inBrackets, plain = item, itemPort] = /^(?:\[([^\]]+)\]|([^:]+)):(\d+)$/.exec(item) ?? [];
  if (itemPort !== undefined && itemPort !== port) return false;
  const name = inBrackets ?? plain;
  if (isIP(name) !== 0) return isInRange(host, `${name}/${isIP(name) === 4 ? '32' : '128'}`);
  const suffix = name.replace(/^\*\./, '.');
  return suffix.startsWith('.') ? host.endsWith(suffix) : host === suffix || host.endsWith(`.${suffix}`);
}

function isInRange(host: string, range: string): boolean {
  const [network = '', prefix = ''] = range.split('/');
  const family = isIP(host);
  if (family === 0 || isIP(network) !== family || !/^\d{1,3}$/.test(prefix)) return false;
  if (Number(prefix) > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  const type = family === 4 ? 'ipv4' : 'ipv6';
  list.addSubnet(network, Number(prefix), type);
  return list.check(host, type);
}
