import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';

/** Source files by their path from the root of the repository, in POSIX form: `src/lib/fault.ts` → its text. */
export type SourceTree = ReadonlyMap<string, string>;

/** One `import`, `export … from` or `import()` in a file. */
export interface Import {
  /** As written: `node:fs`, `hono`, `../lib/fault.ts`. Undefined for an `import()` of something computed. */
  readonly specifier: string | undefined;
  /** The imported file's path from the root, when the specifier is relative. */
  readonly file: string | undefined;
}

/** Reads every TypeScript file below `folders`, which are named from the root of the repository. */
export function readSourceTree(root: string, folders: readonly string[]): SourceTree {
  const tree = new Map<string, string>();
  for (const folder of folders) {
    for (const entry of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (entry.endsWith('.ts')) tree.set(posix.join(folder, entry), readFileSync(join(root, folder, entry), 'utf8'));
    }
  }
  return tree;
}

/** Whether the file holds tests rather than what is shipped. */
export function isTest(path: string): boolean {
  return !path.startsWith('src/') || path.endsWith('.test.ts');
}

/** All imports of a file, types too: an import that is erased still makes its file depend on the other. */
export function importsOf(path: string, text: string): readonly Import[] {
  const statements = text.matchAll(/^(?:import|export)\b[^;'"]*?\bfrom\s*['"](?<specifier>[^'"]+)['"]/gm);
  const sideEffects = text.matchAll(/^import\s*['"](?<specifier>[^'"]+)['"]/gm);
  const calls = codeOf(text, 'keep strings').matchAll(/\bimport\(\s*(?:['"](?<specifier>[^'"]+)['"]|[^)\s])/g);
  return [...statements, ...sideEffects, ...calls].map(({ groups }) => {
    const specifier = groups?.['specifier'];
    const isRelative = specifier?.startsWith('.') === true;
    return { specifier, file: isRelative ? posix.join(posix.dirname(path), specifier) : undefined };
  });
}

const tokens = {
  comment: /\/\/[^\n]*|\/\*[\s\S]*?\*\//,
  regExp: /(?<=[=(,:!&|?[{;]\s*)\/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\[\n])+\//,
  quoted: /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/,
  template: /`(?:\\.|\$\{[^}]*\}|[^`\\])*`/,
};
const anyToken = new RegExp(
  Object.entries(tokens)
    .map(([name, { source }]) => `(?<${name}>${source})`)
    .join('|'),
  'g',
);

/**
 * The text without comments and, unless told otherwise, without what stands in strings and regular expressions, so that a word
 * in them is not taken for code. What a template computes inside `${}` is code and stays.
 */
export function codeOf(text: string, strings: 'keep strings' | 'drop strings' = 'drop strings'): string {
  return text.replace(anyToken, (token) => {
    if (token.startsWith('//') || token.startsWith('/*')) return ' ';
    if (strings === 'keep strings') return token;
    if (!token.startsWith('`')) return "''";
    return [...token.matchAll(/\$\{(?<code>[^}]*)\}/g)].map(({ groups }) => groups?.['code'] ?? '').join(' ');
  });
}
