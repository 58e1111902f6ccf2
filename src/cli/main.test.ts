import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const MAIN = fileURLToPath(new URL('../main.ts', import.meta.url));

/** Runs before the program, and prints on standard error which modules were loaded. */
const RECORDER = `
import { registerHooks } from 'node:module';
const loaded = [];
registerHooks({ load: (url, context, next) => { loaded.push(url); return next(url, context); } });
process.on('exit', () => console.error(JSON.stringify(loaded)));
`;

async function loadedBy(words: readonly string[]): Promise<readonly string[]> {
  const hook = `data:text/javascript,${encodeURIComponent(RECORDER)}`;
  const { stderr } = await promisify(execFile)(process.execPath, ['--import', hook, MAIN, ...words]);
  return JSON.parse(stderr) as readonly string[];
}

// The whole program takes a third of a second and 90 MB, which a person who asks for help should not wait for.
it.each(['version', '--help', 'run --help', 'check --help', 'get --help', 'explain --help', 'demo --help'])(
  'sluice %s loads little',
  async (words) => {
    const loaded = await loadedBy(words.split(' '));
    expect(loaded.filter((url) => url.includes('/src/')).length).toBeLessThan(32);
    const libraries = loaded.map((url) => /node_modules\/([^/]+)/.exec(url)?.[1]);
    expect(new Set(libraries.filter((name) => name !== undefined))).toEqual(new Set(['commander']));
  },
);
