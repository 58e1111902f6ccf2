import { INTENDED_DIFFERENCES } from './differences.ts';

/** The reference page of intended differences, from their list. */
export function differencesPage(): string {
  const intro = `What Sluice means to answer otherwise than ingress-nginx 1.15.1 does, and why. It is held against answers that were recorded of
ingress-nginx (\`test/oracle\`), by \`make oracle\`. Annotations that have no effect yet are on the page of [annotations](annotations.md).
`;
  const rows = INTENDED_DIFFERENCES.map(
    ({ what, why, cases }) => `| ${what} | ${why} | ${cases.map((id) => `\`${id}\``).join(', ')} |\n`,
  );
  return `# Differences from ingress-nginx\n\n${intro}\n| What differs | Why | Recorded cases |\n| --- | --- | --- |\n${rows.join('')}`;
}
