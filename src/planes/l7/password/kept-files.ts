import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PersistentMap } from '../../../lib/persistent-map.ts';
import { passwordFileIdOf, type PasswordFile } from '../../../model/password-file.ts';
import { SecretText } from '../../../model/secret-text.ts';
import { FILES } from '../files.ts';

/** A line of the file of a checkpoint that holds password files: the id, then the file in base64. */
export function keptLine({ id, text }: PasswordFile): string {
  return `${id} ${Buffer.from(text.reveal(), 'latin1').toString('base64')}\n`;
}

/** The password files in the folder of a checkpoint that was verified. @throws what the file system throws */
export async function readKeptFiles(folder: string): Promise<PersistentMap<PasswordFile>> {
  const lines = (await readFile(join(folder, FILES.passwordFiles), 'utf8')).split('\n');
  return PersistentMap.from(
    lines.flatMap((line): readonly (readonly [string, PasswordFile])[] => {
      const [name = '', encoded = ''] = line.split(' ');
      const id = passwordFileIdOf(name);
      const text = new SecretText(Buffer.from(encoded, 'base64').toString('latin1'));
      return id === undefined ? [] : [[id, { id, text, unusableLines: [] }]];
    }),
  );
}
