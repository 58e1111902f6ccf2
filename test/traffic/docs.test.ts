import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandsOf, ROOT, runAsPerson } from '../documented-commands.ts';

/** Those about networks are run where networks can be made, by test/netns/docs.test.ts, those about clusters by test/cluster/tutorial.test.ts. */
const tutorials = readdirSync(join(ROOT, 'docs/tutorial')).filter(
  (name) => name.endsWith('.md') && !/^(?:service-address|from-ingress-nginx)/.test(name),
);

describe('what the documentation tells to type', () => {
  it.each(tutorials)('tutorial %s works from its first command to its last', async (name) => {
    const commands = commandsOf(`docs/tutorial/${name}`);
    expect(commands).not.toBe('');
    const { code, output } = await runAsPerson(commands);
    expect(code, output).toBe(0);
    expect(output).toContain('SLU208');
  });

  it('guide run-behind-a-load-balancer.md shows the client that a trusted proxy names', async () => {
    const { code, output } = await runAsPerson(commandsOf('docs/howto/run-behind-a-load-balancer.md'));
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
