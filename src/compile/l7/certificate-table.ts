import { invariant } from '../../lib/invariant.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import { hostnameOf, type Hostname } from '../../model/grammar.ts';
import { certificateOf } from '../../model/snapshot.ts';
import { DependencyIndex } from '../dependency-index.ts';
import type { CertificateId, CertificatePlan } from '../plan.ts';
import { certificateId } from './certificate.ts';
import type { L7Input } from './l7-input.ts';

/** Certificates in use with the hosts that get them, computed again only when the Secret or the hosts change. */
export class CertificateTable {
  readonly #certificateOfHost = new DependencyIndex();
  readonly #dirty = new Set<string>();
  #default: CertificateId | undefined;
  #plans = PersistentMap.empty<CertificatePlan>();

  /** Says which certificate a host gets, in place of what was said before. */
  use(host: string, id: CertificateId | undefined): void {
    for (const before of this.#certificateOfHost.inputsOf(host)) this.#dirty.add(before);
    this.#certificateOfHost.set(host, id === undefined ? [] : [id]);
    if (id !== undefined) this.#dirty.add(id);
  }

  compile(input: L7Input, defaultCertificate: CertificateId | undefined): PersistentMap<CertificatePlan> {
    const { before, snapshot } = input;
    PersistentMap.diff(before.secrets, snapshot.secrets, (key) => this.#dirty.add(certificateId(key)));
    PersistentMap.diff(before.former, snapshot.former, (_, left, right) => {
      const former = right ?? left;
      if (former?.table === 'secrets') this.#dirty.add(certificateId(former.key));
    });
    for (const id of [this.#default, defaultCertificate])
      if (id !== undefined && this.#default !== defaultCertificate) this.#dirty.add(id);
    this.#default = defaultCertificate;
    for (const id of this.#dirty) this.#compileCertificate(id, input);
    this.#dirty.clear();
    return this.#plans;
  }

  #compileCertificate(id: string, input: L7Input): void {
    const key = id.replace('_', '/');
    const certificate = certificateOf(input.snapshot, key);
    const serverNames = [...this.#certificateOfHost.ownersOf(id)].sort().map(serverName);
    const isUsed = serverNames.length > 0 || id === this.#default;
    if (certificate === undefined || !isUsed) {
      this.#plans = this.#plans.delete(id);
      return;
    }
    const known = this.#plans.get(id);
    const isSame =
      known?.certificate.fingerprint === certificate.fingerprint && known.serverNames.join() === serverNames.join();
    if (!isSame) this.#plans = this.#plans.set(id, { id: certificateId(key), certificate, serverNames });
  }
}

function serverName(host: string): Hostname {
  const name = hostnameOf(host);
  invariant(name !== undefined, `"${host}" is a host`);
  return name;
}
