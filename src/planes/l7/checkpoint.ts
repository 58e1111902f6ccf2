import { createHash, type Hash } from 'node:crypto';
import { mkdir, open, readdir, readlink, rename, rm, symlink, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { BackendPlan, L7Plan } from '../../compile/plan.ts';
import { crtListLine, defaultCertificatePem, partsOf, pemLines } from './certificates.ts';
import { weightOf } from './backends.ts';
import { backendName, serverAddress, serverName } from './encode.ts';
import { hostEntries, regexLines } from './routes.ts';
import { BACKEND_CLASS, FILES } from './skeleton.ts';

/**
 * All that HAProxy needs to serve a plan from a bare start, Sluice absent: files with their contents, in pieces that are
 * made while they are written, so that ten thousand backends neither become one string nor hold up a change.
 */
export type Checkpoint = Iterable<readonly [file: string, pieces: Iterable<string>]>;

/** Renders a plan as files. Pure; equal plans give equal bytes. */
export function* renderCheckpoint(plan: L7Plan, skeleton: string, selfSignedPem: string): Checkpoint {
  yield [FILES.config, configPieces(plan, skeleton)];
  yield [FILES.routes, routePieces(plan)];
  yield [FILES.regexes, regexLines(plan.hosts).map((line) => `${line}\n`)];
  const certificates = plan.certificates.sorted().map(([, certificate]) => certificate);
  yield [FILES.certificates, certificates.flatMap(partsOf).map((part) => `${crtListLine(part)}\n`)];
  yield [FILES.selfSigned, [defaultCertificatePem(plan, selfSignedPem)]];
  for (const certificate of certificates) {
    const pem = [`${pemLines(certificate).join('\n')}\n`];
    for (const { file } of partsOf(certificate)) yield [file, pem];
  }
}

function* configPieces(plan: L7Plan, skeleton: string): Iterable<string> {
  yield skeleton;
  for (const [, backend] of plan.backends.sorted()) yield backendSection(backend);
}

function backendSection(backend: BackendPlan): string {
  const protocol = backend.protocol === 'h2c' ? ' proto h2' : '';
  const servers = backend.servers.map(
    (server) => `    server ${serverName(server)} ${serverAddress(server)} weight ${weightOf(server)}${protocol}\n`,
  );
  return `\nbackend ${backendName(backend.id)} from ${BACKEND_CLASS}\n${servers.join('')}`;
}

function* routePieces(plan: L7Plan): Iterable<string> {
  for (const [, host] of plan.hosts.sorted())
    for (const [key, value] of hostEntries(host).routes) yield `${key} ${value}\n`;
}

/**
 * Writes a checkpoint into a folder of its own and then points the link `current` at it, so that a
 * crash in between leaves the old one whole. Keys are inside: everything is readable by the owner only.
 *
 * Returns the folder. @throws what the file system throws.
 */
export async function writeCheckpoint(stateDirectory: string, checkpoint: Checkpoint): Promise<string> {
  const temporary = join(stateDirectory, 'checkpoint.tmp');
  await rm(temporary, { recursive: true, force: true });
  await mkdir(join(temporary, 'certs'), { recursive: true, mode: 0o700 });
  const hash = createHash('sha256');
  for (const [file, pieces] of checkpoint) {
    hash.update(`${file}\0`);
    await writePieces(join(temporary, file), pieces, hash);
  }
  const name = `checkpoint-${hash.digest('hex').slice(0, 16)}`;
  const folder = join(stateDirectory, name);
  await rm(folder, { recursive: true, force: true });
  await rename(temporary, folder);
  const link = join(stateDirectory, 'current');
  const before = await readlink(link).catch(() => '');
  await rm(`${link}.tmp`, { force: true });
  await symlink(name, `${link}.tmp`);
  await rename(`${link}.tmp`, link);
  await removeOthers(stateDirectory, [name, before]);
  return folder;
}

/** Old checkpoints fill the disk, and hold keys. The one before the last stays: a process may be starting on it. */
async function removeOthers(stateDirectory: string, kept: readonly string[]): Promise<void> {
  for (const name of await readdir(stateDirectory)) {
    if (!name.startsWith('checkpoint-') || kept.includes(name)) continue;
    await rm(join(stateDirectory, name), { recursive: true, force: true });
  }
}

/** Joined, hashed and written bit by bit, so that a change never waits for the checkpoint of ten thousand backends. */
async function writePieces(path: string, pieces: Iterable<string>, hash: Hash): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    let batch: string[] = [];
    let length = 0;
    for (const piece of pieces) {
      batch.push(piece);
      length += piece.length;
      if (length < 262_144) continue;
      await writeHashed(file, batch.join(''), hash);
      batch = [];
      length = 0;
    }
    await writeHashed(file, batch.join(''), hash);
  } finally {
    await file.close();
  }
}

async function writeHashed(file: FileHandle, text: string, hash: Hash): Promise<void> {
  hash.update(text);
  await file.write(text);
}
