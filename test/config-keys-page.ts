import { CONFIG_KEYS } from '../src/compile/l7/nginx/config/read.ts';
import type { ConfigKeyRow } from '../src/compile/l7/nginx/config/row.ts';

const INTRO = `What Sluice makes of the ConfigMap of ingress-nginx, which \`--configmap NAMESPACE/NAME\` names. A change of it takes effect at once.
What says something about HAProxy itself has a fresh process take over, without a cut, and counted (\`sluice_haproxy_reloads_total\`, reason
\`settings\`).

| Support | What it means |
| --- | --- |
| **yes** | It is read. A value that cannot be used is reported (SLU234), with what is done instead. |
| no | It has no effect, which is reported (SLU235). |
| **closed** | It restricts access, or may do so, which is not implemented: every path of every Ingress answers 503 (SLU236). |
| needless | It has no effect that could be missed, and nothing is reported. |

A value of a list of ranges that lets in or keeps out (\`whitelist-source-range\`, \`denylist-source-range\`) and has something else in it closes,
too. Of \`block-cidrs\`, \`block-user-agents\` and \`block-referers\`, what cannot be read is left out and reported: they are there against those who
attack, and to close everything would be what these want.

A key that is not there has the default of Sluice, or with \`--compat strict-nginx\` that of ingress-nginx: HSTS for a year, no Server header, bodies
of at most 1 MiB.

The codes are those of [Findings](findings.md).
`;

const WORDS: Readonly<Record<'honoured' | 'needless', string>> = { honoured: '**yes**', needless: 'needless' };

function supportOf({ support }: ConfigKeyRow): string {
  if (support.kind !== 'refused') return WORDS[support.kind];
  return support.lack === 'restriction' ? '**closed**' : 'no';
}

/** The reference page of the ConfigMap of ingress-nginx, from the register of its keys. */
export function configKeysPage(): string {
  const lines = CONFIG_KEYS.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map(
    (row) => `| \`${row.name}\` | ${supportOf(row)} | ${row.text.replaceAll('|', String.raw`\|`)} |\n`,
  );
  return `# The ConfigMap of ingress-nginx\n\n${INTRO}\n| Key | Support | What it does |\n| --- | --- | --- |\n${lines.join('')}`;
}
