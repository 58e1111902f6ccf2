import { VERDICT_ORDER, VERDICTS, type MigrationReport, type ObjectReport } from '../../app/migrate/report.ts';
import { SHOWN_REQUESTS } from './text.ts';

/** The report for an issue or a wiki. What stands in objects is shown as code, so that it is no markup. */
export function markdownReport(report: MigrationReport): string {
  const rows = VERDICT_ORDER.map(
    (verdict) => `| ${verdict} | ${String(report.summary[verdict])} | ${VERDICTS[verdict]} |\n`,
  );
  const objects = report.objects.filter((object) => object.verdict !== 'same' || object.reasons.length > 0);
  return [
    `# Moving from ingress-nginx\n\n| Verdict | Objects | What it means |\n| --- | --- | --- |\n${rows.join('')}`,
    ...objects.map(objectSection),
    ...report.workloads.map(workloadSection),
    logSection(report),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

function objectSection({ kind, object, verdict, reasons, requests }: ObjectReport): string {
  const why = reasons.map(({ field, text, remedy }) =>
    `- ${field === '' ? '' : `${code(field)}: `}${prose(text)} ${prose(remedy)}`.trimEnd().concat('\n'),
  );
  const changed = requests.map(
    ({ examples, old, now }) => `| ${examples.map(code).join('<br>')} | ${code(old)} | ${code(now)} |\n`,
  );
  return `## ${kind} ${code(object)}: ${verdict}\n\n${why.join('')}${table('Requests', changed)}`;
}

function workloadSection({ object, arguments: read }: MigrationReport['workloads'][number]): string {
  const lines = read.map(({ argument, verdict, text }) => `| ${code(argument)} | ${verdict} | ${prose(text)} |\n`);
  return `## Arguments of ${code(object)}\n\n| Argument | Verdict | |\n| --- | --- | --- |\n${lines.join('')}`;
}

function logSection({ accessLog }: MigrationReport): string {
  if (accessLog === undefined) return '';
  const { lines, same, unexplained, unreadable, changed } = accessLog;
  const rows = changed
    .slice(0, SHOWN_REQUESTS)
    .map(({ request, count, old, now }) => `| ${String(count)} × ${code(request)} | ${code(old)} | ${code(now)} |\n`);
  return `## Access log\n\n${String(lines)} lines, of which ${String(same)} would be answered alike; ${String(unexplained)} are not explained by these objects, ${String(unreadable)} cannot be read.\n${table('Requests', rows)}`;
}

function table(heading: string, rows: readonly string[]): string {
  return rows.length === 0 ? '' : `\n| ${heading} | Was | Becomes |\n| --- | --- | --- |\n${rows.join('')}`;
}

/** As code, whatever it holds: with more backquotes around it than stand in it. */
function code(text: string): string {
  const longest = Math.max(0, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  const padding = longest > 0 ? ' ' : '';
  return `${fence}${padding}${text.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|')}${padding}${fence}`;
}

/** Messages quote what users wrote. */
function prose(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>|#]/g, String.raw`\$&`).replaceAll(/\s+/g, ' ');
}
