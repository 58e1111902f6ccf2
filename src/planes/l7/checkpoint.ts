import type { BackendPlan, HostPlan, L7Plan } from '../../compile/plan.ts';
import { weightOf } from './backends.ts';
import { className } from './classes.ts';
import { crtListLine, defaultCertificatePem, partsOf, pemLines } from './certificates.ts';
import {
  authoritiesFile,
  backendName,
  clientCertificateFile,
  serverAddress,
  serverName,
  serverWords,
} from './encode.ts';
import { hostEntries, mapOf, regexLines } from './routes.ts';
import { listenerLine } from './tls-listeners.ts';
import { DATA_MAPS, FILES, type DataMap } from './files.ts';
import { keptLine } from './password/kept-files.ts';

/**
 * All of a plan that HAProxy needs to serve it from a bare start: files with their contents, in pieces that are
 * made while they are written, so that ten thousand backends neither become one string nor hold up a change.
 * What follows from flags alone is not in it: a checkpoint can be served with other flags, and from another state directory.
 */
export type Checkpoint = Iterable<readonly [file: string, pieces: Iterable<string>]>;

/** Renders a plan as files. Pure; equal plans give equal bytes. */
export function* renderCheckpoint(plan: L7Plan, selfSignedPem: string): Checkpoint {
  yield [FILES.engine, [`${JSON.stringify(plan.engine)}\n`]];
  yield [FILES.backends, backendPieces(plan)];
  yield [FILES.routes, routePieces(plan, FILES.routes)];
  yield [FILES.entrances, routePieces(plan, FILES.entrances)];
  yield [FILES.regexes, regexLines(plan.hosts).map((line) => `${line}\n`)];
  for (const map of Object.keys(DATA_MAPS)) yield [DATA_MAPS[map as DataMap], dataPieces(plan, map as DataMap)];
  for (const [fingerprint, { pem }] of plan.authorities.sorted()) yield [authoritiesFile(fingerprint), [pem, '\n']];
  for (const [fingerprint, certificate] of plan.clientCertificates.sorted())
    yield [clientCertificateFile(fingerprint), [`${pemLines({ certificate }).join('\n')}\n`]];
  yield [FILES.listeners, plan.tlsListeners.sorted().map(([, listener]) => `${listenerLine(listener)}\n`)];
  yield [FILES.reserve, [`${String(plan.reserve)}\n`]];
  const certificates = plan.certificates.sorted().map(([, certificate]) => certificate);
  yield [FILES.certificates, certificates.flatMap(partsOf).map((part) => `${crtListLine(part)}\n`)];
  yield [FILES.passwordFiles, plan.passwords.sorted().map(([, file]) => keptLine(file))];
  yield [FILES.selfSigned, [defaultCertificatePem(plan, selfSignedPem)]];
  for (const certificate of certificates) {
    const pem = [`${pemLines(certificate).join('\n')}\n`];
    for (const { file } of partsOf(certificate)) yield [file, pem];
  }
}

function* backendPieces(plan: L7Plan): Iterable<string> {
  yield '# Written by Sluice. Changes made here are lost.\n';
  for (const [, backend] of plan.backends.sorted()) yield backendSection(backend);
}

function backendSection(backend: BackendPlan): string {
  const words = serverWords(backend);
  const servers = backend.servers.map(
    (server) => `    server ${serverName(server)} ${serverAddress(server)} weight ${weightOf(server)}${words}\n`,
  );
  return `\nbackend ${backendName(backend.id)} from ${className(backend.class)}\n${servers.join('')}`;
}

function* routePieces(plan: L7Plan, map: string): Iterable<string> {
  for (const [, host] of plan.hosts.sorted()) for (const [key, value] of linesIn(map, host)) yield `${key} ${value}\n`;
}

function linesIn(map: string, host: HostPlan): Iterable<readonly [string, string]> {
  const { routes, wildcards } = hostEntries(host);
  if (mapOf(host) === map) return map === FILES.entrances ? [...routes, ...wildcards] : routes;
  return map === FILES.entrances ? wildcards : [];
}

function* dataPieces(plan: L7Plan, map: DataMap): Iterable<string> {
  for (const [, host] of plan.hosts.sorted())
    for (const entry of hostEntries(host).data.values()) if (entry.map === map) yield `${entry.key} ${entry.value}\n`;
}
