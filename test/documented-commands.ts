import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** The command blocks of a page, in their order. */
export function commandsOf(page: string): string {
  const text = readFileSync(join(ROOT, page), 'utf8');
  return [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1] ?? '').join('\n');
}

/** Runs commands as a person would, one after the other in one shell, in a folder that looks like the checkout. */
export async function runAsPerson(script: string): Promise<{ readonly code: number | null; readonly output: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-docs-'));
  symlinkSync(join(ROOT, 'bin'), join(folder, 'bin'));
  cpSync(join(ROOT, 'examples'), join(folder, 'examples'), { recursive: true });
  // The Node.js that runs the tests comes first, as after `make run`.
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
  const shell = spawn('bash', ['-eo', 'pipefail'], { cwd: folder, env, stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [shell.stdout, shell.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  shell.stdin.end(`trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n${script}`);
  await once(shell, 'close');
  rmSync(folder, { recursive: true, force: true });
  return { code: shell.exitCode, output };
}
