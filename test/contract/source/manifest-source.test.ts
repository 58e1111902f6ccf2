import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../../src/lib/logger.ts';
import { ManifestSource } from '../../../src/sources/manifests/manifest-source.ts';
import type { Store } from '../../../src/sources/store.ts';
import { describeSource, type SourceWorld } from '../source.ts';
import { heldServices, serviceObject, versionOfService } from './services.ts';

/** A folder with one file for each thing. */
async function makeFolder(store: Store): Promise<SourceWorld> {
  const root = await mkdtemp(join(tmpdir(), 'sluice-contract-'));
  const folder = join(root, 'manifests');
  const away = join(root, 'away');
  await mkdir(folder);
  let place = folder;
  // As editors do it: what is half written is never seen. What else a file goes through is in the source's own tests.
  const write = async (name: string, text: string): Promise<void> => {
    await writeFile(join(root, 'next'), text);
    await rename(join(root, 'next'), join(place, `${name}.json`));
  };
  const watchersBefore = watchers();
  const hide = async (): Promise<void> => {
    await rename(folder, away);
    place = away;
  };
  const show = async (): Promise<void> => {
    await rename(away, folder);
    place = folder;
  };
  return {
    source: new ManifestSource({ directory: folder, store, logger: silentLogger }),
    silences: {
      'the folder is away': { begin: hide, end: show, told: 'stale', canChange: true },
      'the folder is a file': {
        begin: async () => {
          await hide();
          await writeFile(folder, '');
        },
        end: async () => {
          await rm(folder);
          await show();
        },
        told: 'stale',
        canChange: true,
      },
    },
    put: async (things) => {
      for (const [name, version] of Object.entries(things))
        await write(name, JSON.stringify(serviceObject('default', name, version)));
    },
    putBroken: (name) => write(name, JSON.stringify({ ...serviceObject('default', name, 1), spec: { ports: 'none' } })),
    remove: (name) => rm(join(place, `${name}.json`)),
    held: () => heldServices(store, 'default'),
    versionOf: versionOfService,
    open: () => watchers() - watchersBefore,
    close: () => rm(root, { recursive: true, force: true }),
  };
}

function watchers(): number {
  return process.getActiveResourcesInfo().filter((resource) => resource === 'FSEventWrap').length;
}

describeSource('ManifestSource on a folder', makeFolder);
