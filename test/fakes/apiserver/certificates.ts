/** X.509 certificates for tests, written by hand: Node can read them but not make them. RFC 5280 names the fields. */
import { generateKeyPairSync, sign, type KeyObject, type KeyPairKeyObjectResult } from 'node:crypto';
import { isIP } from 'node:net';

/** A certificate and its key, both PEM. */
export interface KeyPair {
  readonly certificate: string;
  readonly key: string;
}

interface Subject {
  readonly commonName: string;
  readonly publicKey: KeyObject;
  readonly extensions: readonly Buffer[];
}

const dayMs = 86_400_000;

/** A certificate authority for one test run. */
export class Authority {
  /** PEM of the authority itself. */
  readonly certificate: string;
  readonly #name: string;
  readonly #key: KeyObject;
  #serial = 0;

  /** @param root who vouches for it; without one, it does so itself */
  constructor(name: string, root?: Authority) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    this.#name = name;
    this.#key = privateKey;
    const isAuthority = sequence(Buffer.from([0x01, 0x01, 0xff]));
    const subject = { commonName: name, publicKey, extensions: [extension('2.5.29.19', isAuthority)] };
    this.certificate = root === undefined ? this.#sign(subject) : root.#sign(subject);
  }

  /** A certificate for a server (with names or IPv4 addresses) or for a client (with a user name as its CN). */
  issue(commonName: string, names: readonly string[] = []): KeyPair {
    return this.issueFor(commonName, generateKeyPairSync('ec', { namedCurve: 'P-256' }), names);
  }

  /** The same for a key that exists. */
  issueFor(
    commonName: string,
    { privateKey, publicKey }: KeyPairKeyObjectResult,
    names: readonly string[] = [],
  ): KeyPair {
    const alternatives = names.map((name) => (isIP(name) === 4 ? der(0x87, ipv4(name)) : der(0x82, Buffer.from(name))));
    const extensions = names.length === 0 ? [] : [extension('2.5.29.17', sequence(...alternatives))];
    return {
      certificate: this.#sign({ commonName, publicKey, extensions }),
      key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
    };
  }

  #sign({ commonName, publicKey, extensions }: Subject): string {
    this.#serial += 1;
    const ecdsaWithSha256 = sequence(objectId('1.2.840.10045.4.3.2'));
    const body = sequence(
      der(0xa0, integer(2)),
      integer(this.#serial),
      ecdsaWithSha256,
      distinguishedName(this.#name),
      sequence(time(Date.now() - dayMs), time(Date.now() + dayMs)),
      distinguishedName(commonName),
      publicKey.export({ format: 'der', type: 'spki' }),
      ...(extensions.length === 0 ? [] : [der(0xa3, sequence(...extensions))]),
    );
    const signature = sign('sha256', body, this.#key);
    return pem(sequence(body, ecdsaWithSha256, der(0x03, Buffer.from([0]), signature)));
  }
}

/** One DER value: tag, length, content (X.690 §8.1). */
function der(tag: number, ...content: readonly Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const size = body.length;
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), body]);
}

function sequence(...content: readonly Buffer[]): Buffer {
  return der(0x30, ...content);
}

function integer(value: number): Buffer {
  return der(0x02, Buffer.from([value]));
}

function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = rest.flatMap((arc) => {
    const digits = [arc & 0x7f];
    for (let high = arc >> 7; high > 0; high >>= 7) digits.unshift((high & 0x7f) | 0x80);
    return digits;
  });
  return der(0x06, Buffer.from([first * 40 + second, ...bytes]));
}

function distinguishedName(commonName: string): Buffer {
  const attribute = sequence(objectId('2.5.4.3'), der(0x0c, Buffer.from(commonName)));
  return sequence(der(0x31, attribute));
}

/** UTCTime, good until 2049. */
function time(unixMs: number): Buffer {
  const text = new Date(unixMs)
    .toISOString()
    .replaceAll(/[-:T]|\.\d+/g, '')
    .slice(2);
  return der(0x17, Buffer.from(text));
}

function extension(id: string, value: Buffer): Buffer {
  return sequence(objectId(id), der(0x04, value));
}

function ipv4(address: string): Buffer {
  return Buffer.from(address.split('.').map(Number));
}

function pem(bytes: Buffer): string {
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`;
}
