import { execFileSync } from 'node:child_process';
import { ECHO_ADDRESS } from './normal-form.ts';

/** Where ClusterIPs of cases are: what dials one is answered here, and never leaves. */
const CLUSTER_ADDRESSES = '10.213.64.0/20';

/**
 * Prepares the network namespace for the echo backends. Refuses one with a way out, which must be the machine's.
 * @throws Error where there is a route
 */
export function inOwnNamespace(): void {
  const ip = (...args: readonly string[]): string =>
    execFileSync('ip', args, {
      encoding: 'utf8',
      env: { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` },
    });
  if (ip('route') !== '') throw new Error('this network namespace has routes: start it with "unshare --net"');
  ip('link', 'set', 'lo', 'up');
  ip('address', 'replace', `${ECHO_ADDRESS}/32`, 'dev', 'lo');
  ip('route', 'replace', 'local', CLUSTER_ADDRESSES, 'dev', 'lo');
}
