/**
 * Turns the TypeScript of a folder into JavaScript, in place; tests go. For the container image: Node would do it at every start, which
 * takes 28 MB of memory for as long as the program runs, and a pod has no place to keep the outcome.
 *
 *     node scripts/strip-types.ts src
 *
 * Types become blanks, so that lines and columns in a stack trace are those of the sources.
 */
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { stripTypeScriptTypes } from 'node:module';
import { join } from 'node:path';

const IMPORT_OF_TYPESCRIPT = /\b(from |import |import\()'(\.{1,2}\/[^']+)\.ts'/g;

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error('name the folder');
const files = await readdir(folder, { recursive: true });
for (const path of files.filter((name) => name.endsWith('.ts')).map((name) => join(folder, name))) {
  if (!path.endsWith('.test.ts')) {
    const script = stripTypeScriptTypes(await readFile(path, 'utf8'));
    await writeFile(path.replace(/\.ts$/, '.js'), script.replaceAll(IMPORT_OF_TYPESCRIPT, "$1'$2.js'"));
  }
  await rm(path);
}
