import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { hostnameOf } from '../../model/grammar.ts';
import { certificateId } from '../../compile/l7/certificate.ts';
import { messageOf } from '../../lib/fault.ts';
import type { Logger } from '../../lib/logger.ts';
import { CheckpointStore } from './checkpoint-store.ts';
import { certificateFile } from './encode.ts';
import { FILES } from './files.ts';
import { rulesDigest } from './rules.ts';

/** What clients get whose host has no certificate. */
interface DefaultCertificate {
  /** The Secret that flags name for it, if they do. */
  readonly secret: string | undefined;
  /** What is in its place where they do not. */
  readonly selfSignedPem: string;
}

/**
 * The certificates that were served last, chain and key as one PEM, by `namespace/name` of their Secrets; none where no checkpoint can be
 * used. A Secret whose name is too long for that of a file is left out. Not to be asked beside a plane that is at work.
 */
export async function readServedCertificates(
  stateDirectory: string,
  fallback: DefaultCertificate,
  logger: Logger,
): Promise<ReadonlyMap<string, string>> {
  try {
    const { folder } = await new CheckpointStore(stateDirectory, rulesDigest()).lastGood();
    return folder === undefined ? new Map() : await certificatesIn(folder, fallback);
  } catch (thrown) {
    logger.error('the certificates that were served before cannot be read', { error: messageOf(thrown) });
    return new Map();
  }
}

async function certificatesIn(folder: string, fallback: DefaultCertificate): Promise<ReadonlyMap<string, string>> {
  const served = new Map<string, string>();
  if (fallback.secret !== undefined) {
    const pem = await readFile(join(folder, FILES.selfSigned), 'utf8');
    if (pem !== fallback.selfSignedPem) served.set(fallback.secret, pem);
  }
  const list = await readFile(join(folder, FILES.certificates), 'utf8');
  for (const line of list.split('\n')) {
    const [file = '', ...names] = line.split(' ');
    const secret = secretOf(file, names);
    if (secret !== undefined) served.set(secret, await readFile(join(folder, file), 'utf8'));
  }
  return served;
}

function secretOf(file: string, names: readonly string[]): string | undefined {
  const id = /^certs\/(.*)_[0-9a-f]+\.pem$/.exec(file)?.[1]?.replace('_', '/');
  const hosts = names.flatMap((name) => hostnameOf(name) ?? []);
  return id !== undefined && certificateFile(certificateId(id), hosts) === file ? id : undefined;
}
