import { describe, expect, it } from 'vitest';
import { changesOf, compileChanges, printPlan } from './compile-manifest.ts';
import { casesIn, settingsOf } from './golden-case.ts';
import { printKernelPlan } from './kernel-plan.ts';

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
