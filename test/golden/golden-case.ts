import { readdirSync, readFileSync } from 'node:fs';
import { STANDALONE_SETTINGS } from '../../src/app/check.ts';
import type { CompileSettings } from '../../src/compile/settings.ts';

/** A manifest and the files that hold what comes of it. */
export interface GoldenCase {
  readonly name: string;
  /** Of `in.yaml`. */
  readonly text: string;
  /** What the engine is given, and Findings. */
  readonly outFile: string;
  /** What clients are answered by a real engine. */
  readonly answersFile: string;
}

/** The cases in a folder beside this one. */
export function casesIn(folderName: string): readonly GoldenCase[] {
  const folder = new URL(`../${folderName}/`, import.meta.url);
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({
      name,
      text: readFileSync(new URL(`${name}/in.yaml`, folder), 'utf8'),
      outFile: new URL(`${name}/out.txt`, folder).pathname,
      answersFile: new URL(`${name}/answers.txt`, folder).pathname,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A first line such as `# settings: {"mode": "cluster"}` compiles the case with other settings. */
export function settingsOf(text: string): CompileSettings {
  const line = /^# settings: (.*)$/m.exec(text)?.[1];
  // The golden files are ours; a wrong key would show in their output.
  return line === undefined
    ? STANDALONE_SETTINGS
    : { ...STANDALONE_SETTINGS, ...(JSON.parse(line) as Partial<CompileSettings>) };
}
