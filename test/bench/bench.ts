/**
 * Measures Sluice beside its peers in one run, and prints the tables that docs/explain/ holds.
 *
 *     make bench
 *     node test/bench/bench.ts proxy                HAProxy and what drives it: performance.md
 *     node test/bench/bench.ts kernel [1000,10000]  Service traffic in the kernel: kernel-performance.md; as root
 */
import { benchKernel } from './kernel/kernel.ts';
import { formatMarkdown } from './report.ts';
import { PROGRAM_HEADINGS, programRows } from './program.ts';
import { SCALE_HEADINGS, scaleRows } from './scale.ts';
import { THROUGHPUT_HEADINGS, throughputRows } from './throughput.ts';

function progress(text: string): void {
  process.stderr.write(`[bench] ${text}\n`);
}

function print(markdown: string): void {
  process.stdout.write(markdown);
}

async function benchProxy(): Promise<void> {
  print('\n## Changes and start, by the size of the cluster\n\n');
  print(formatMarkdown(SCALE_HEADINGS, await scaleRows(progress)));
  print('\n## From the source to the endpoint\n\n');
  print(formatMarkdown(PROGRAM_HEADINGS, await programRows(progress)));
  print('\n## Requests and TLS connections\n\n');
  print(formatMarkdown(THROUGHPUT_HEADINGS, await throughputRows(progress)));
}

const [part, sizes] = process.argv.slice(2);
if (part !== undefined && part !== 'proxy' && part !== 'kernel') throw new Error(`there is no benchmark "${part}"`);
if (part !== 'kernel') await benchProxy();
if (part !== 'proxy') await benchKernel(progress, print, sizes?.split(',').map(Number));
