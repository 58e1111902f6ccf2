import { access, constants, lstat, mkdir, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Fault, messageOf } from '../lib/fault.ts';
import { NFT_PROCESS_NAME } from '../planes/l4/kernel/nft.ts';

/** Everything that Sluice keeps in its state directory, what a crash leaves half written included. */
const STATE_FILES: readonly RegExp[] = [
  // While HAProxy binds its socket, it has these names too.
  /^admin\.sock(?:\.\d+\.(?:tmp|bak))?$/,
  /^(?:current|previous)(?:\.tmp)?$/,
  /^checkpoint(?:-[0-9a-f]{16}|\.tmp)$/,
  /^self-signed\.pem(?:\.tmp)?$/,
  /^checker-key(?:\.tmp)?$/,
  /^allocations\.json(?:\.before|\.tmp)?$/,
  /^manifests\.json(?:\.tmp)?$/,
  /^announce$/,
  /^bgp$/,
  /^haproxy\.(?:log|pid)$/,
  /^conntrack-\w{6}$/,
];

/** Has nothing but links to nft. A folder of this name with programs in it is not ours, as where the state is said to be in /usr. */
const LINK_FOLDER = 'bin';

/** Where a file system of its own is mounted as state directory, that has one of these. */
const OF_THE_FILE_SYSTEM = 'lost+found';

/** What is in a state directory, by whose it is; nothing of a folder that is not there. */
export async function stateFiles(
  stateDirectory: string,
): Promise<{ readonly ours: readonly string[]; readonly others: readonly string[] }> {
  const names = await readdir(stateDirectory).catch(() => []);
  const links = await readdir(join(stateDirectory, LINK_FOLDER)).catch(() => []);
  const isOurs = (name: string): boolean =>
    name === LINK_FOLDER
      ? links.every((link) => link.startsWith(NFT_PROCESS_NAME))
      : STATE_FILES.some((pattern) => pattern.test(name));
  return { ours: names.filter(isOurs), others: names.filter((name) => !isOurs(name) && name !== OF_THE_FILE_SYSTEM) };
}

/**
 * Makes the state directory, for us alone, or makes sure of one that is there: keys are kept in it, and HAProxy is started on what stands
 * there. @throws Fault `state-directory` when it cannot be made or written to, or somebody else could write to it
 */
export async function prepareStateDirectory(stateDirectory: string): Promise<void> {
  try {
    await makeFolder(stateDirectory);
    await access(stateDirectory, constants.W_OK);
  } catch (cause) {
    throw refused(stateDirectory, `cannot be used: ${messageOf(cause)}`, cause);
  }
  const problem = await whyNotOurs(stateDirectory);
  if (problem !== undefined) throw refused(stateDirectory, problem);
}

async function whyNotOurs(stateDirectory: string): Promise<string | undefined> {
  const found = await lstat(stateDirectory);
  const own = process.getuid?.();
  if (found.isSymbolicLink()) return 'is a link, which could lead elsewhere tomorrow: name the folder itself';
  if (found.uid !== own)
    return `belongs to user ${String(found.uid)}, and Sluice runs as user ${String(own)}: name a folder that is not there yet, as one inside of it`;
  if ((found.mode & 0o022) !== 0) {
    const mode = (found.mode & 0o777).toString(8);
    return `can be written to by others (mode ${mode}), and keys are kept in it: run chmod go-w ${stateDirectory}`;
  }
  const { others } = await stateFiles(stateDirectory);
  const [first] = others;
  if (first === undefined) return undefined;
  return `has ${first} in it, which is not of Sluice: name a folder of its own, which need not be there yet`;
}

function refused(stateDirectory: string, problem: string, cause?: unknown): Fault {
  const message = `the state directory ${stateDirectory} ${problem}. Mend that, or choose another with --state-dir`;
  return new Fault('state-directory', message, { cause, retryable: false });
}

/**
 * With the folders above it. Not by `recursive` of mkdir: where a file system has no such folder although the one above is there, as in
 * /proc, Node tries for ever, on a thread that no signal ends.
 */
async function makeFolder(path: string): Promise<void> {
  const above = dirname(path);
  try {
    await mkdir(path, { mode: 0o700 });
  } catch (thrown) {
    const { code } = thrown as NodeJS.ErrnoException;
    if (code === 'EEXIST' && (await stat(path)).isDirectory()) return;
    if (code !== 'ENOENT' || (await isThere(above))) throw thrown;
    await makeFolder(above);
    await mkdir(path, { mode: 0o700 });
  }
}

function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
