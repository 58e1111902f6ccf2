import { ANNOTATION_FAMILIES } from '../src/sources/admit/annotations/register.ts';
import type { AnnotationRow, Support } from '../src/sources/admit/annotations/row.ts';

const INTRO = `What Sluice makes of the annotations of an Ingress. All those of ingress-nginx are here; of other controllers, those by which somebody is kept
out there. Annotations of others are not read.

| Support | What it means |
| --- | --- |
| **yes** | It is read. |
| no | It has no effect, which is reported (SLU215). |
| no protection | Nothing is held back, which is reported as an error (SLU214). |
| **closed** | It restricts access, which is not implemented: rather than let everybody in, all paths of the Ingress answer 503 (SLU216). |
| needless | It has no effect that could be missed, and nothing is reported. |

Nothing is reported, and nothing closed, for a value by which nothing is lost: \`false\`, \`off\` or nothing at all, a default, or an allow-list with
\`0.0.0.0/0\`. Under the prefix of ingress-nginx, an unknown name that is near to that of a restriction closes as the restriction does.
The codes are those of [Findings](findings.md).
`;

/** The reference page of annotations, from their register. */
export function annotationsPage(): string {
  const families = ANNOTATION_FAMILIES.map(({ title, prefixes, rows }) => {
    const under = prefixes.map((prefix) => `\`${prefix}\``).join(' and ');
    const lines = rows.map((row) => `| \`${row.name}\` | ${supportOf(row)} | ${row.text} |\n`);
    return `## ${title}\n\nUnder ${under}.\n\n| Annotation | Support | What it does |\n| --- | --- | --- |\n${lines.join('')}`;
  });
  return `# Annotations\n\n${INTRO}\n${families.join('\n')}`;
}

const WORDS: Readonly<Record<Exclude<Support['kind'], 'unsupported'>, string>> = {
  supported: '**yes**',
  needless: 'needless',
};

function supportOf({ support }: AnnotationRow): string {
  if (support.kind !== 'unsupported') return WORDS[support.kind];
  return { restriction: '**closed**', protection: 'no protection', feature: 'no' }[support.lack];
}
