/** The register of Faults names what can be thrown, no more and no less. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { FAULTS } from '../src/model/faults.ts';

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .map((name) => join('src', name));
const texts = new Map(files.map((file) => [file, readFileSync(file, 'utf8')]));

/** Constants that hold a text in lower case and dashes, wherever they are declared. */
const constants = new Map(
  [...texts.values()].flatMap((text) =>
    [...text.matchAll(/\bconst (\w+)(?:: \w+)? = '([a-z-]+)'/g)].map(
      ([, name = '', value = '']) => [name, value] as const,
    ),
  ),
);

/** What a code can be that is written so in a file; empty where that cannot be told. */
function codesOf(written: string, text: string): readonly string[] {
  if (written.startsWith('`kube-http-')) return ['kube-http-STATUS'];
  const literals = [...written.matchAll(/'([a-z-]+)'/g)].map(([, code = '']) => code);
  const names = [...written.matchAll(/\b[A-Za-z]\w*\b/g)].flatMap(([name]) => constants.get(name) ?? []);
  if (literals.length + names.length > 0) return [...literals, ...names];
  // Chosen just before, or given by a caller, who then writes one of the constants.
  const declared = new RegExp(String.raw`const ${written} =([^;]*);`).exec(text)?.[1];
  if (declared !== undefined) return codesOf(declared.replace(/^[^?]*\?/, ''), text);
  return new RegExp(String.raw`\b${written}: string`).test(text) ? ['given by a caller'] : [];
}

/** The first argument of every `new Fault`, and of the constructors of its kinds. */
const thrown = [...texts].flatMap(([file, text]) =>
  [...text.matchAll(/new Fault\(\s*([^,]+),/g), ...text.matchAll(/extends Fault\b[^]*?super\(\s*([^,]+),/g)].map(
    ([, written = '']) => ({ file, written: written.trim(), codes: codesOf(written.trim(), text) }),
  ),
);

describe('Faults', () => {
  it('have codes that can be read where they are thrown', () => {
    expect(thrown.length).toBeGreaterThan(50);
    expect(thrown.filter(({ codes }) => codes.length === 0)).toEqual([]);
  });

  it('are all in the register, and nothing else is', () => {
    const codes = new Set(thrown.flatMap((one) => one.codes));
    if (codes.delete('given by a caller'))
      for (const code of constants.values()) if (code.startsWith('kube-') && code in FAULTS) codes.add(code);
    expect([...codes].sort()).toEqual(Object.keys(FAULTS).sort());
  });
});
