import { generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { apiServerUrl, layoutFiles, type Layout } from './component-flags.ts';

/** Who may speak to one control plane: its static users, and the key that signs its ServiceAccounts' tokens. */
export class Identities {
  readonly #layout: Layout;
  readonly #groupsOf: ReadonlyMap<string, readonly string[]>;
  readonly #tokenOf: ReadonlyMap<string, string>;
  readonly #serviceAccountKeys = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  constructor(layout: Layout, groupsOf: ReadonlyMap<string, readonly string[]>) {
    this.#layout = layout;
    this.#groupsOf = groupsOf;
    this.#tokenOf = new Map([...groupsOf.keys()].map((user) => [user, randomUUID()]));
  }

  /** Writes what the components read: tokens, keys, and a kubeconfig for every user. */
  async write(): Promise<void> {
    const files = layoutFiles(this.#layout);
    const { privateKey, publicKey } = this.#serviceAccountKeys;
    const lines = [...this.#groupsOf].map(
      ([user, groups]) => `${this.token(user)},${user},${user},"${groups.join(',')}"\n`,
    );
    await writeFile(files.tokens, lines.join(''), { mode: 0o600 });
    await writeFile(files.serviceAccountKey, privateKey.export({ type: 'sec1', format: 'pem' }), { mode: 0o600 });
    await writeFile(files.serviceAccountPublicKey, publicKey.export({ type: 'spki', format: 'pem' }));
    for (const user of this.#groupsOf.keys()) await this.writeKubeconfig(user, this.token(user));
  }

  /** @throws Error when there is no such user */
  token(user: string): string {
    const token = this.#tokenOf.get(user);
    if (token === undefined)
      throw new Error(`${user} is not a user of this control plane; name it in the option \`users\``);
    return token;
  }

  /** The file that {@link writeKubeconfig} writes for this name. */
  kubeconfig(name: string): string {
    return join(this.#layout.folder, `${name}.kubeconfig`);
  }

  /** Returns the file, whose only context uses this token. JSON, which is YAML too. */
  async writeKubeconfig(name: string, token: string): Promise<string> {
    const file = this.kubeconfig(name);
    const cluster = {
      server: apiServerUrl(this.#layout),
      'certificate-authority': layoutFiles(this.#layout).authority,
    };
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster }],
      users: [{ name, user: { token } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user: name } }],
      'current-context': 'test',
    };
    await writeFile(file, `${JSON.stringify(config, null, 2)}\n`, { mode: 0o600 });
    return file;
  }

  /**
   * The same ServiceAccount token with another end: a JWT signed anew, with ES256 (RFC 7518 §3.4).
   * For lifetimes that TokenRequest refuses.
   */
  withLifetime(token: string, ttlSeconds: number): string {
    const [header, claims] = token.split('.');
    const decoded: unknown = JSON.parse(Buffer.from(claims ?? '', 'base64url').toString('utf8'));
    if (typeof decoded !== 'object' || decoded === null) throw new Error('the token holds no claims');
    const changed = JSON.stringify({ ...decoded, exp: Math.floor(Date.now() / 1000) + ttlSeconds });
    const signed = `${header}.${Buffer.from(changed).toString('base64url')}`;
    const key = { key: this.#serviceAccountKeys.privateKey, dsaEncoding: 'ieee-p1363' } as const;
    return `${signed}.${sign('sha256', Buffer.from(signed), key).toString('base64url')}`;
  }
}
