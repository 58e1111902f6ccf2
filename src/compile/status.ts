import type { PublishedAddress } from '../model/service.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { CompileSettings } from './settings.ts';

/** The addresses under which Ingresses are reached: of `--publish-service`, or else those given or found. */
export function ingressAddresses(snapshot: Snapshot, settings: CompileSettings): readonly PublishedAddress[] {
  if (settings.publishService === undefined) return settings.publishAddresses;
  return snapshot.services.get(settings.publishService)?.publishedAddresses ?? [];
}

/** Whether two lists of addresses are equal, in order. */
export function sameAddresses(a: readonly PublishedAddress[], b: readonly PublishedAddress[]): boolean {
  return a === b || (a.length === b.length && a.every((address, index) => textOf(address) === textOf(b[index])));
}

function textOf(address: PublishedAddress | undefined): string | undefined {
  if (address === undefined) return undefined;
  return 'ip' in address ? address.ip : address.hostname;
}
