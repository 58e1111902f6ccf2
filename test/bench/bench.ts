/**
 * Measures Sluice beside its peers in one run, and prints the tables that docs/explain/performance.md holds.
 *
 *     make bench
 */
import { formatMarkdown } from './report.ts';
import { PROGRAM_HEADINGS, programRows } from './program.ts';
import { SCALE_HEADINGS, scaleRows } from './scale.ts';
import { THROUGHPUT_HEADINGS, throughputRows } from './throughput.ts';

function progress(text: string): void {
  process.stderr.write(`[bench] ${text}\n`);
}

process.stdout.write('\n## Changes and start, by the size of the cluster\n\n');
process.stdout.write(formatMarkdown(SCALE_HEADINGS, await scaleRows(progress)));
process.stdout.write('\n## From the source to the endpoint\n\n');
process.stdout.write(formatMarkdown(PROGRAM_HEADINGS, await programRows(progress)));
process.stdout.write('\n## Requests and TLS connections\n\n');
process.stdout.write(formatMarkdown(THROUGHPUT_HEADINGS, await throughputRows(progress)));
