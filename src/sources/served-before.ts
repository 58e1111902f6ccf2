import type { Secret } from '../model/secret.ts';
import { admitObject } from './admit/admit.ts';

/**
 * The certificates that the program before this one served last. Each stands in for its Secret where that is broken, or may not be read,
 * and nobody has seen it whole since the start.
 */
export class ServedBefore {
  readonly #pems: Map<string, string>;

  /** Chain and key as one PEM, by `namespace/name` of the Secret. */
  constructor(pems: ReadonlyMap<string, string> = new Map()) {
    this.#pems = new Map(pems);
  }

  /** The Secret as it would have to be for this certificate to be served; undefined where nothing of it was. */
  secret(key: string): Secret | undefined {
    const pem = this.#pems.get(key);
    const [namespace = '', name = ''] = key.split('/');
    if (pem === undefined) return undefined;
    const keyStart = pem.search(/-----BEGIN [A-Z ]*PRIVATE KEY-----/);
    const change = admitObject({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { namespace, name },
      stringData: { 'tls.crt': pem.slice(0, keyStart), 'tls.key': pem.slice(keyStart) },
    })?.change;
    return change?.table === 'secrets' ? change.value : undefined;
  }

  /** Of a Secret about which something newer is known. */
  forget(key: string): void {
    this.#pems.delete(key);
  }
}
