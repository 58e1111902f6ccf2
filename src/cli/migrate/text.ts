import { VERDICT_ORDER, VERDICTS, type MigrationReport, type ObjectReport } from '../../app/migrate/report.ts';

/** How many changed requests of a log are shown to people; `-o json` has them all. */
export const SHOWN_REQUESTS = 50;

/** The report for a terminal: the summary first, then the objects, the worst first; of those that stay the same only how many they are. */
export function textReport(report: MigrationReport): string {
  const summary = VERDICT_ORDER.map(
    (verdict) => `${count(report.summary[verdict])}  ${verdict}: ${VERDICTS[verdict]}\n`,
  );
  const objects = report.objects.filter((object) => object.verdict !== 'same' || object.reasons.length > 0);
  return [summary.join(''), ...objects.map(objectText), ...report.workloads.map(workloadText), logText(report)]
    .filter((part) => part !== '')
    .join('\n');
}

function count(number: number): string {
  return String(number).padStart(6);
}

function objectText({ kind, object, verdict, reasons, requests }: ObjectReport): string {
  const why = reasons.map(
    ({ field, text, remedy }) =>
      `  ${field === '' ? '' : `${field}: `}${text}\n${remedy === '' ? '' : `    ${remedy}\n`}`,
  );
  const changed = requests.map(
    ({ examples, old, now }) => `  ${examples.join(', ')}\n    was ${old}, becomes ${now}\n`,
  );
  return `${verdict.toUpperCase()} ${kind} ${object}\n${why.join('')}${changed.join('')}`;
}

function workloadText({ object, arguments: read }: MigrationReport['workloads'][number]): string {
  const lines = read.map(({ argument, verdict, text }) => `  ${verdict.padEnd(8)} ${argument}\n    ${text}\n`);
  return `ARGUMENTS of ${object}\n${lines.join('')}`;
}

function logText({ accessLog }: MigrationReport): string {
  if (accessLog === undefined) return '';
  const { lines, same, unexplained, unreadable, changed } = accessLog;
  const shown = changed
    .slice(0, SHOWN_REQUESTS)
    .map(
      ({ request, count: times, old, now, isCertain }) =>
        `  ${String(times)} × ${request}\n    was ${old}, becomes ${now}${isCertain ? '' : ', if it was for that host'}\n`,
    );
  const more =
    changed.length > SHOWN_REQUESTS
      ? `  and ${String(changed.length - SHOWN_REQUESTS)} more; -o json has them all\n`
      : '';
  const sum = `${String(lines)} lines: ${String(same)} answered alike, ${String(lines - same - unexplained - unreadable)} otherwise, ${String(unexplained)} that these objects do not explain, ${String(unreadable)} unreadable`;
  return `ACCESS LOG, ${sum}\n${shown.join('')}${more}`;
}
