import { Fault, messageOf } from '../lib/fault.ts';
import type { CachedFile } from '../lib/cached-file.ts';

/** What one request is sent with. Holds secrets: never log it. */
export interface Credentials {
  /** Value of the Authorization header. */
  readonly authorization?: string | undefined;
  /** PEM of the client certificate with its chain, and of its key. */
  readonly certificate?: string | undefined;
  readonly key?: string | undefined;
  /** PEM of the authorities that may vouch for the server; without it, those that Node trusts. */
  readonly authority?: string | undefined;
}

/** Where {@link Credentials} come from, for as long as the process lives. */
export interface CredentialSource {
  /**
   * Those to use now.
   *
   * @throws Fault when they cannot be had
   */
  current(): Promise<Credentials>;
  /**
   * To be told that the server answered 401 to `refused`. Whoever asks {@link current} next gets
   * newer ones, if there are any.
   */
  reject(refused: Credentials): void;
}

/** A value that is written down, or the file that holds it. */
export type Material = { readonly text: string } | { readonly file: CachedFile };

/** Where each part of {@link Credentials} is found. */
export interface CredentialMaterial {
  readonly token?: Material | undefined;
  /** User name and password, for proxies that want them. The API server itself has not taken them since 1.19. */
  readonly basic?: { readonly username: string; readonly password: string } | undefined;
  readonly certificate?: Material | undefined;
  readonly key?: Material | undefined;
  readonly authority?: Material | undefined;
}

/**
 * How long a file may be used before it is read again. Kubernetes renews a projected token at 80 %
 * of its life, ten minutes at the shortest, so a minute is early enough; client-go takes the same.
 */
export const fileMaxAgeMs = 60_000;

/** Credentials that are written down, or stand in files which somebody else renews. */
export class MaterialCredentials implements CredentialSource {
  readonly #material: CredentialMaterial;

  constructor(material: CredentialMaterial) {
    this.#material = material;
  }

  async current(): Promise<Credentials> {
    const { token, basic, certificate, key, authority } = this.#material;
    const bearer = await read(token, 'the token');
    return {
      authorization: authorizationOf(bearer?.trim(), basic),
      certificate: await read(certificate, 'the client certificate'),
      key: await read(key, 'the key of the client certificate'),
      authority: await read(authority, 'the certificate authority'),
    };
  }

  reject(_refused: Credentials): void {
    for (const material of [this.#material.token, this.#material.certificate, this.#material.key]) {
      if (material !== undefined && 'file' in material) material.file.expire();
    }
  }
}

function authorizationOf(token: string | undefined, basic: CredentialMaterial['basic']): string | undefined {
  if (token !== undefined && token !== '') return `Bearer ${token}`;
  if (basic === undefined) return undefined;
  return `Basic ${Buffer.from(`${basic.username}:${basic.password}`).toString('base64')}`;
}

async function read(material: Material | undefined, what: string): Promise<string | undefined> {
  if (material === undefined) return undefined;
  if ('text' in material) return material.text;
  try {
    return await material.file.read();
  } catch (error) {
    const message = `${what} for the Kubernetes API cannot be read from ${material.file.path}: ${messageOf(error)}`;
    throw new Fault('kube-credentials', message, { cause: error });
  }
}
