import { fnv1a } from '../../lib/hash.ts';
import { PersistentMap } from '../../lib/persistent-map.ts';
import type { Hostname } from '../../model/grammar.ts';
import type { CertificatePlan, L7Plan } from '../../compile/plan.ts';
import { certificateFile, sniFilter } from './encode.ts';
import { FILES } from './files.ts';
import { MAX_PAYLOAD_BYTES, type Rendered, type Step } from './step.ts';

/** A line of the crt-list: some of the names that a certificate is served for, with a copy of it of their own. */
export interface CertificatePart {
  readonly file: string;
  readonly serverNames: readonly Hostname[];
}

/** HAProxy refuses a line of a crt-list of more than 2048 words (`MAX_CRT_ARGS`), and does not start with one. */
const MAX_NAMES = 1000;

/** Every part costs HAProxy a TLS context for each address that it listens on: some dozen kilobytes. */
const MIN_NAMES_BYTES = 2_000;

/** The file stands on the line too. */
const MAX_NAMES_BYTES = MAX_PAYLOAD_BYTES - 1_000;

const parts = new WeakMap<CertificatePlan, readonly CertificatePart[]>();

/**
 * The lines that a certificate takes. A line cannot be edited, so that its file is named after what stands in it: another
 * set of names is another line, which is there before the old one goes. Where a line ends is decided by the names around
 * that place and not by how many there are before it, so that a name more or less changes its own line alone.
 *
 * A certificate without server names is the default and nothing else: it takes the place of the self-signed one, and
 * has no line.
 */
export function partsOf(plan: CertificatePlan): readonly CertificatePart[] {
  const known = parts.get(plan);
  if (known !== undefined) return known;
  const cut = cutNames(plan.serverNames).map((serverNames) => ({
    file: certificateFile(plan.id, serverNames),
    serverNames,
  }));
  parts.set(plan, cut);
  return cut;
}

function cutNames(names: readonly Hostname[]): readonly (readonly Hostname[])[] {
  const result: Hostname[][] = [];
  let part: Hostname[] = [];
  let bytes = 0;
  for (const name of names) {
    if (part.length === MAX_NAMES || bytes + name.length + 1 > MAX_NAMES_BYTES) {
      result.push(part);
      [part, bytes] = [[], 0];
    }
    part.push(name);
    bytes += name.length + 1;
    if (bytes < MIN_NAMES_BYTES || fnv1a(name) % 64 !== 0) continue;
    result.push(part);
    [part, bytes] = [[], 0];
  }
  return part.length === 0 ? result : [...result, part];
}

/** A line of the crt-list: the file, then the names that it is served for. */
export function crtListLine({ file, serverNames }: CertificatePart): string {
  return [file, ...serverNames.map(sniFilter)].join(' ');
}

/** Chain and key as one PEM, without the empty lines that would end a payload. */
export function pemLines({ certificate }: Pick<CertificatePlan, 'certificate'>): readonly string[] {
  return `${certificate.chainPem}\n${certificate.keyPem.reveal()}`.split('\n').filter((line) => line !== '');
}

/** The steps from some certificates to others. */
export function renderCertificates(
  before: PersistentMap<CertificatePlan>,
  after: PersistentMap<CertificatePlan>,
): Rendered {
  const comes: Step[] = [];
  const leads: Step[] = [];
  const goes: Step[] = [];
  PersistentMap.diff(before, after, (_, left, right) => {
    const old = new Set((left === undefined ? [] : partsOf(left)).map(({ file }) => file));
    const isRenewed = left?.certificate.fingerprint !== right?.certificate.fingerprint;
    for (const part of right === undefined ? [] : partsOf(right)) {
      const { file } = part;
      const isNew = !old.delete(file);
      if (isNew) comes.push({ kind: 'new-certificate', file });
      if (right !== undefined && (isNew || isRenewed)) comes.push(...replacePem(file, pemLines(right)));
      if (isNew) leads.push({ kind: 'list-certificate', file, line: crtListLine(part) });
    }
    for (const file of old) goes.push({ kind: 'unlist-certificate', file }, { kind: 'delete-certificate', file });
  });
  return { comes, leads, goes };
}

/** What clients get whose host has no certificate: that of `--default-ssl-certificate`, or the self-signed one. */
export function defaultCertificatePem(plan: L7Plan, selfSignedPem: string): string {
  const certificate =
    plan.defaultCertificate === undefined ? undefined : plan.certificates.get(plan.defaultCertificate);
  return certificate === undefined ? selfSignedPem : `${pemLines(certificate).join('\n')}\n`;
}

/** The steps from one default certificate to another: it is replaced in its place. */
export function renderDefaultCertificate(before: L7Plan, after: L7Plan, selfSignedPem: string): Rendered {
  const pem = defaultCertificatePem(after, selfSignedPem);
  const lines = pem.split('\n').filter((line) => line !== '');
  const isSame = pem === defaultCertificatePem(before, selfSignedPem);
  return { comes: isSame ? [] : replacePem(FILES.selfSigned, lines), leads: [], goes: [] };
}

function replacePem(file: string, pem: readonly string[]): readonly Step[] {
  return [
    { kind: 'set-certificate', file, pem },
    { kind: 'commit-certificate', file },
  ];
}
