import { execFile } from 'node:child_process';
import { access, realpath } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

/** What HAProxy reads besides its own files: libraries, settings of the machine, what processors there are. */
const SYSTEM_FOLDERS = ['/usr', '/lib', '/lib64', '/etc', '/sys'];

const SETPRIV = 'setpriv';

const run = promisify(execFile);

/**
 * The words before HAProxy's command line that keep it from every file but its own, or why this machine cannot do so. They are for a
 * HAProxy that runs as the same user as Sluice, beside its credentials: the token of the ServiceAccount, a kubeconfig, the memory of other
 * processes (`/proc`). Landlock takes no rights to use (landlock(7)); `setpriv` of util-linux 2.40 or newer is what asks the kernel for it.
 *
 * Sockets that were opened, and the runtime CLI of the process before, are not concerned: processes hand over as ever.
 */
export async function confinementOf(
  haproxy: string,
  stateDirectory: string,
): Promise<readonly string[] | { readonly impossible: string }> {
  try {
    const readable = [...(await thereOf(SYSTEM_FOLDERS)), await homeOf(haproxy)];
    const rules = [
      ...readable.map((path) => `path-beneath:execute,read-file,read-dir:${path}`),
      'path-beneath:read-file,write-file:/dev',
      // It makes the socket of its runtime CLI, and takes the old one's place.
      `path-beneath:read-file,read-dir,make-sock,remove-file:${stateDirectory}`,
    ];
    const args = ['--landlock-access', 'fs', ...rules.flatMap((rule) => ['--landlock-rule', rule])];
    await run(SETPRIV, [...args, haproxy, '-v'], { timeout: 10_000 });
    return [SETPRIV, ...args];
  } catch (thrown) {
    const said = thrown instanceof Error && 'stderr' in thrown ? String(thrown.stderr).trim().split('\n', 1)[0] : '';
    return { impossible: said === undefined || said === '' ? String(thrown) : said };
  }
}

async function thereOf(paths: readonly string[]): Promise<readonly string[]> {
  const there = await Promise.all(
    paths.map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  return paths.filter((_, index) => there[index]);
}

/** The folder that a HAProxy is installed in, with libraries of its own beside it. */
async function homeOf(haproxy: string): Promise<string> {
  const folder = dirname(await realpath(haproxy));
  return folder.endsWith('/usr/sbin') && folder !== '/usr/sbin' ? join(folder, '..', '..') : folder;
}
