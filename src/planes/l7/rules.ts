import { createHash } from 'node:crypto';
import { renderSkeleton } from './skeleton.ts';

/**
 * Names the rules by which HAProxy reads what stands in maps and backends: other rules, as of another version of Sluice, may read the
 * same lines otherwise. Flags do not matter, so that this is the skeleton with all of them on.
 */
export function rulesDigest(): string {
  const skeleton = renderSkeleton(
    {
      bindAddresses: ['::'],
      httpPort: 80,
      httpsPort: 443,
      publicHttpsPort: 443,
      innerPorts: { first: 20_000, last: 20_001 },
      isHttp3: true,
      trustedProxies: ['::/0'],
      proxyProtocolSources: ['::/0'],
      hasAccessLog: true,
      threads: 1,
      maxConnections: 1,
      hardStopAfterS: 1,
      user: undefined,
    },
    { admin: 'admin', accessLog: 'access', passwords: { name: 'passwords', key: 'key' }, asked: 'asked' },
    1,
  );
  return createHash('sha256').update(skeleton).digest('hex').slice(0, 16);
}
