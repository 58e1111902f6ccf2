import { X509Certificate } from 'node:crypto';
import { digestOf } from '../../lib/digest.ts';
import { messageOf } from '../../lib/fault.ts';
import type { AuthorityMaterial } from '../../model/authorities.ts';

/** Where authorities stand in a ConfigMap and in a Secret. */
export const AUTHORITIES_KEY = 'ca.crt';

const CERTIFICATE = /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[^-]+-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g;

/**
 * The certificates in a text, of which all have to be readable: without one of them, somebody would be turned away who is to be trusted.
 * Texts between them are comments, as bundles have them.
 */
export function admitAuthorities(text: string | undefined): AuthorityMaterial {
  if (text === undefined) return broken(`there is no ${AUTHORITIES_KEY}`);
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) return broken(`${AUTHORITIES_KEY} holds no certificate in PEM`);
  const begun = text.match(/-----BEGIN /g)?.length ?? 0;
  if (begun !== blocks.length) return broken(`${AUTHORITIES_KEY} holds more than certificates`);
  try {
    // Written anew from what was parsed, so that nothing else that stood there travels on.
    const pems = blocks.map((pem) => new X509Certificate(pem).toString().trim());
    const pem = [...new Set(pems)].join('\n');
    return { kind: 'authorities', authorities: { fingerprint: digestOf(pem), pem } };
  } catch (thrown) {
    return broken(`a certificate in ${AUTHORITIES_KEY} cannot be read: ${messageOf(thrown)}`);
  }
}

function broken(message: string): AuthorityMaterial {
  return { kind: 'broken', message };
}
