import { hostname } from 'node:os';
import { join } from 'node:path';
import { access } from 'node:fs/promises';
import { Fault } from '../lib/fault.ts';
import { silentLogger, type Logger } from '../lib/logger.ts';
import { hasKeepalivedUnit } from '../planes/announce/keepalived-process.ts';
import { AnnouncePlane } from '../planes/announce/plane.ts';
import { BgpPlane } from '../planes/bgp/plane.ts';
import { ANNOUNCE_FOLDER } from './announcer.ts';
import { BGP_FOLDER } from './bgp-speaker.ts';

/** Ends the keepalived of a state directory and takes the addresses away that it had. Returns whether there was anything. @throws Fault */
export async function withdrawAddresses(stateDirectory: string): Promise<boolean> {
  const folder = join(stateDirectory, ANNOUNCE_FOLDER);
  const isUnit = await hasKeepalivedUnit(folder);
  const plane = new AnnouncePlane({
    paths: { keepalived: 'keepalived', folder, isUnit, enter: [] },
    settings: { nodeName: hostname(), advertisementMs: 1_000 },
    logger: silentLogger,
    listenMs: 0,
    probe: { waitMs: 0, rememberedS: 30 },
    keepsAnnouncing: false,
  });
  return plane.withdraw();
}

/**
 * Ends the BIRD of a state directory and takes the routes away that it announced, of the table that the last run has written down. Returns
 * whether there was anything. @throws Fault
 */
export function endBgp(stateDirectory: string): Promise<boolean> {
  const plane = new BgpPlane({
    paths: { bird: 'bird', folder: join(stateDirectory, BGP_FOLDER), enter: [] },
    settings: { routeTable: 0, listenPort: 0 },
    logger: silentLogger,
    keepsAnnouncing: false,
  });
  return plane.uninstall();
}

/** What of announcing is wanted. */
export interface AnnouncingFlags {
  readonly announces: boolean;
  readonly speaksBgp: boolean;
}

/**
 * Takes back what an earlier run announced with a flag that is not given any more: keepalived and BIRD outlive the program, and would go on
 * with what nobody keeps up to date. What cannot be taken back is reported, and stops nothing.
 */
export async function withdrawUnwanted(
  stateDirectory: string,
  { announces, speaksBgp }: AnnouncingFlags,
  logger: Logger,
): Promise<void> {
  const ways = [
    { isWanted: announces, flag: '--announce', folder: ANNOUNCE_FOLDER, end: withdrawAddresses },
    { isWanted: speaksBgp, flag: '--bgp', folder: BGP_FOLDER, end: endBgp },
  ];
  for (const { isWanted, flag, folder, end } of ways) {
    if (isWanted || !(await exists(join(stateDirectory, folder)))) continue;
    try {
      if (await end(stateDirectory))
        logger.info(`what was announced before is taken back, since ${flag} is not given any more`, { flag });
    } catch (thrown) {
      if (!(thrown instanceof Fault)) throw thrown;
      logger.error(`what was announced before is not taken back, although ${flag} is not given any more`, {
        code: thrown.code,
        error: thrown.message,
        remedy: 'stop Sluice, run "sluice uninstall" on this machine, and start it again',
      });
    }
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
