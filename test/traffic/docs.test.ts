import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Runs commands as a person would, one after the other in one shell, in a folder that looks like the checkout. */
async function runAsPerson(script: string): Promise<{ readonly code: number | null; readonly output: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-docs-'));
  symlinkSync(join(ROOT, 'bin'), join(folder, 'bin'));
  cpSync(join(ROOT, 'examples'), join(folder, 'examples'), { recursive: true });
  const shell = spawn('bash', ['-eo', 'pipefail'], { cwd: folder, stdio: ['pipe', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [shell.stdout, shell.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  shell.stdin.end(`trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n${script}`);
  await once(shell, 'close');
  rmSync(folder, { recursive: true, force: true });
  return { code: shell.exitCode, output };
}

const tutorials = readdirSync(join(ROOT, 'docs/tutorial')).filter((name) => name.endsWith('.md'));

describe('what the documentation tells to type', () => {
  it.each(tutorials)('tutorial %s works from its first command to its last', async (name) => {
    const text = readFileSync(join(ROOT, 'docs/tutorial', name), 'utf8');
    const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1] ?? '');
    expect(blocks.length).toBeGreaterThan(0);
    const { code, output } = await runAsPerson(blocks.join('\n'));
    expect(code, output).toBe(0);
    expect(output).toContain('SLU208');
  });

  it('guide run-behind-a-load-balancer.md shows the client that a trusted proxy names', async () => {
    const text = readFileSync(join(ROOT, 'docs/howto/run-behind-a-load-balancer.md'), 'utf8');
    const blocks = [...text.matchAll(/^```sh\n(.*?)^```$/gms)].map((match) => match[1] ?? '');
    const { code, output } = await runAsPerson(blocks.join('\n'));
    expect(code, output).toBe(0);
    expect(output).toMatch(/"client":"198\.51\.100\.7".*"host":"hello\.localhost"/);
  });

  it('make run prints URLs that answer, one of them by a ClusterIP through the kernel', async () => {
    const script = `
cd ${ROOT}
make run > "$OLDPWD/out" 2>&1 &
for attempt in $(seq 300); do grep -q 'Sluice is ready' "$OLDPWD/out" && break; sleep 0.1; done
cat "$OLDPWD/out"
url=$(grep -o 'http://hello[^ ]*' "$OLDPWD/out" | head -n 1)
curl --silent --show-error --fail "$url"
curl --silent --show-error --fail --insecure https://secure.localhost:8443/
cluster_ip=$(grep -o 'http://127[^ ]*' "$OLDPWD/out" | head -n 1)
curl --silent --show-error --fail "$cluster_ip"
kill $!
wait $! || true
`;
    const { code, output } = await runAsPerson(script);
    expect(code, output).toBe(0);
    expect(output.match(/Hello from/g)).toHaveLength(3);
  });
});
