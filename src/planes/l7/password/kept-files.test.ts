import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { passwordFileIdOf } from '../../../model/password-file.ts';
import { SecretText } from '../../../model/secret-text.ts';
import { FILES } from '../files.ts';
import { keptLine, readKeptFiles } from './kept-files.ts';

it('password files are read from a checkpoint as they were, byte for byte', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-kept-'));
  const ids = ['a', 'b'].flatMap((digit) => passwordFileIdOf(digit.repeat(40)) ?? []);
  const text = 'ann:{PLAIN}p\xc3\xa4ss\r\n# \x00\xff\nbob:';
  const lines = ids.map((id) => keptLine({ id, text: new SecretText(text), unusableLines: [] }));
  await writeFile(join(folder, FILES.passwordFiles), lines.join(''));
  const kept = await readKeptFiles(folder);
  expect([...kept.keys()].sort()).toEqual(ids);
  for (const file of kept.values()) expect(file.text.reveal()).toBe(text);
  await rm(folder, { recursive: true });
});
