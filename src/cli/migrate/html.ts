import { VERDICT_ORDER, VERDICTS, type MigrationReport, type ObjectReport } from '../../app/migrate/report.ts';
import { SHOWN_REQUESTS } from './text.ts';

const STYLE = `body { font: 15px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 2rem auto; padding: 0 1rem; color: #1c1c1c; }
table { border-collapse: collapse; } td, th { border: 1px solid #ccc; padding: .25rem .5rem; text-align: left; vertical-align: top; }
code { overflow-wrap: anywhere; } .dangerous, .unsupported { color: #a40000; } .differs { color: #8a5300; }`;

/** The report as one page that loads nothing. */
export function htmlReport(report: MigrationReport): string {
  const rows = VERDICT_ORDER.map((verdict) => row(verdict, String(report.summary[verdict]), VERDICTS[verdict]));
  const objects = report.objects.filter((object) => object.verdict !== 'same' || object.reasons.length > 0);
  const body = [
    `<h1>Moving from ingress-nginx</h1>\n${table(['Verdict', 'Objects', 'What it means'], rows)}`,
    ...objects.map(objectSection),
    ...report.workloads.map(({ object, arguments: read }) => {
      const lines = read.map(({ argument, verdict, text }) => row(argument, verdict, text));
      return `<h2>Arguments of ${escaped(object)}</h2>\n${table(['Argument', 'Verdict', ''], lines)}`;
    }),
    logSection(report),
  ];
  return `<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>Moving from ingress-nginx</title>\n<style>${STYLE}</style>\n${body.filter((part) => part !== '').join('\n')}\n</html>\n`;
}

function objectSection({ kind, object, verdict, reasons, requests }: ObjectReport): string {
  const style = verdict.split(' ')[0] ?? '';
  const why = reasons.map(({ field, text, remedy }) => {
    const where = field === '' ? '' : `<code>${escaped(field)}</code>: `;
    return `<li>${where}${escaped(`${text} ${remedy}`.trimEnd())}</li>\n`;
  });
  const changed = requests.map(({ examples, old, now }) => row(examples.join(', '), old, now));
  const list = why.length === 0 ? '' : `<ul>\n${why.join('')}</ul>\n`;
  return `<h2 class="${escaped(style)}">${escaped(`${kind} ${object}: ${verdict}`)}</h2>\n${list}${table(CHANGED, changed)}`;
}

const CHANGED = ['Requests', 'Was', 'Becomes'];

function logSection({ accessLog }: MigrationReport): string {
  if (accessLog === undefined) return '';
  const { lines, same, unexplained, unreadable, changed } = accessLog;
  const rows = changed
    .slice(0, SHOWN_REQUESTS)
    .map(({ request, count, old, now }) => row(`${String(count)} × ${request}`, old, now));
  const sum = `${String(lines)} lines, of which ${String(same)} would be answered alike; ${String(unexplained)} are not explained by these objects, ${String(unreadable)} cannot be read.`;
  return `<h2>Access log</h2>\n<p>${sum}</p>\n${table(CHANGED, rows)}`;
}

function table(headings: readonly string[], rows: readonly string[]): string {
  if (rows.length === 0) return '';
  const head = headings.map((heading) => `<th>${escaped(heading)}</th>`).join('');
  return `<table>\n<tr>${head}</tr>\n${rows.join('')}</table>\n`;
}

function row(...cells: readonly string[]): string {
  return `<tr>${cells.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>\n`;
}

function escaped(text: string): string {
  const entities: Readonly<Record<string, string>> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replaceAll(/[&<>"']/g, (sign) => entities[sign] ?? sign);
}
