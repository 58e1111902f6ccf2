import { sortedAddresses } from '../model/published-address.ts';
import type { PublishedAddress } from '../model/service.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { CompileSettings } from './settings.ts';

/** The addresses under which this process is reached: of `--publish-service`, or else those given or found. */
export function ingressAddresses(snapshot: Snapshot, settings: CompileSettings): readonly PublishedAddress[] {
  if (settings.publishService === undefined) return sortedAddresses(settings.publishAddresses);
  return sortedAddresses(snapshot.services.get(settings.publishService)?.publishedAddresses ?? []);
}
