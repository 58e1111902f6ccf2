import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { STANDALONE_SETTINGS } from '../../src/app/check.ts';
import type { CompileSettings } from '../../src/compile/settings.ts';
import { changesOf, compileChanges, printPlan } from './compile-manifest.ts';
import { printKernelPlan } from './kernel-plan.ts';

interface Case {
  readonly name: string;
  readonly text: string;
  readonly outFile: string;
}

/** The cases in a folder beside this one, each with an `in.yaml` and what came of it. */
function casesIn(folderName: string): readonly Case[] {
  const folder = new URL(`../${folderName}/`, import.meta.url);
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({
      name,
      text: readFileSync(new URL(`${name}/in.yaml`, folder), 'utf8'),
      outFile: new URL(`${name}/out.txt`, folder).pathname,
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A first line such as `# settings: {"mode": "cluster"}` compiles the case with other settings. */
function settingsOf(text: string): CompileSettings {
  const line = /^# settings: (.*)$/m.exec(text)?.[1];
  // The golden files are ours; a wrong key would show in their output.
  return line === undefined
    ? STANDALONE_SETTINGS
    : { ...STANDALONE_SETTINGS, ...(JSON.parse(line) as Partial<CompileSettings>) };
}

describe('golden: manifests to what HAProxy is given', () => {
  it.each(casesIn('golden'))('$name', async ({ text, outFile }) => {
    const printed = printPlan(compileChanges(changesOf(text), settingsOf(text)));
    await expect(printed).toMatchFileSnapshot(outFile);
  });
});

describe('golden: manifests to what the kernel is given, and does', () => {
  it.each(casesIn('golden-kernel'))('$name', async ({ text, outFile }) => {
    await expect(printKernelPlan(text)).toMatchFileSnapshot(outFile);
  });
});
