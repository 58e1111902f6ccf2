import { ARGUMENT_ROWS, type ArgumentRow } from '../src/app/ingress-nginx/argument-rows.ts';

const INTRO = `What \`sluice run --as-ingress-nginx -- ARGUMENTS\` makes of the arguments in the Deployment of an ingress-nginx 1.15.1. The log has a line
for each that is given. What is given to Sluice itself, before \`--\`, comes first.

| Verdict | What it means |
| --- | --- |
| **mapped** | It means what the flag of Sluice means. |
| ignored | Nothing is missing without it. |
| **refused** | Something that matters would be missing: nothing is started, and all of these are named at once. |

An argument that does not stand here is refused, too. What the original does where an argument is not given may differ from what Sluice does
then: it listens on 80 and 443, Sluice on 8080 and 8443, where \`--http-port\` and \`--https-port\` say nothing else.
\`$(POD_NAMESPACE)\` and the like are put in by kubelet, in a pod alone.
`;

/** The reference page of the arguments of ingress-nginx, from their rows. */
export function argumentsPage(): string {
  const lines = ARGUMENT_ROWS.map((row) => `| \`--${row.name}\` | ${verdictOf(row)} |\n`);
  return `# Arguments of ingress-nginx\n\n${INTRO}\n| Argument | What becomes of it |\n| --- | --- |\n${lines.join('')}`;
}

function verdictOf({ meaning }: ArgumentRow): string {
  switch (meaning.kind) {
    case 'mapped':
      return `**mapped** to \`${meaning.to}\`.${meaning.note === undefined ? '' : ` ${meaning.note}`}`;
    case 'ignored':
      return `ignored. ${meaning.why}`;
    case 'refused':
      return `**refused**${meaning.unless === undefined ? '' : ' unless it says nothing'}. ${meaning.why} ${meaning.instead}`;
  }
}
