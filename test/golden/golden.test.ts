import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { STANDALONE_SETTINGS } from '../../src/app/check.ts';
import type { CompileSettings } from '../../src/compile/settings.ts';
import { changesOf, compileChanges, printPlan } from './compile-manifest.ts';

const FOLDER = new URL('.', import.meta.url);

const cases = readdirSync(FOLDER, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .sort((a, b) => (a < b ? -1 : 1));

/** A first line such as `# settings: {"mode": "cluster"}` compiles the case with other settings. */
function settingsOf(text: string): CompileSettings {
  const line = /^# settings: (.*)$/m.exec(text)?.[1];
  // The golden files are ours; a wrong key would show in their output.
  return line === undefined
    ? STANDALONE_SETTINGS
    : { ...STANDALONE_SETTINGS, ...(JSON.parse(line) as Partial<CompileSettings>) };
}

describe('golden: manifests to what HAProxy is given', () => {
  it.each(cases)('%s', async (name) => {
    const text = readFileSync(new URL(`${name}/in.yaml`, FOLDER), 'utf8');
    const printed = printPlan(compileChanges(changesOf(text), settingsOf(text)));
    await expect(printed).toMatchFileSnapshot(new URL(`${name}/out.txt`, FOLDER).pathname);
  });
});
