/**
 * Measures Sluice beside its peers in one run, and prints the tables that docs/explain/ holds.
 *
 *     make bench
 *     node test/bench/bench.ts proxy                HAProxy and what drives it: performance.md
 *     node test/bench/bench.ts folder               a folder of manifests up to the Store: performance.md
 *     node test/bench/bench.ts addresses            who has which address of a pool: fail-over.md
 *     node test/bench/bench.ts kernel [1000,10000]  Service traffic in the kernel: kernel-performance.md; as root
 */
import { ADDRESS_HEADINGS, addressRows } from './addresses.ts';
import { FOLDER_HEADINGS, folderRows } from './folder.ts';
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

async function benchFolder(): Promise<void> {
  print('\n## From a file to the Store\n\n');
  print(formatMarkdown(FOLDER_HEADINGS, await folderRows(progress)));
}

const [part, sizes] = process.argv.slice(2);
const PARTS: readonly (string | undefined)[] = ['proxy', 'folder', 'addresses', 'kernel', undefined];
if (!PARTS.includes(part)) throw new Error(`there is no benchmark "${String(part)}"`);
if (part === undefined || part === 'proxy') await benchProxy();
if (part === undefined || part === 'folder') await benchFolder();
if (part === undefined || part === 'addresses') {
  print('\n## Addresses from pools\n\n');
  print(formatMarkdown(ADDRESS_HEADINGS, addressRows()));
}
if (part === undefined || part === 'kernel') await benchKernel(progress, print, sizes?.split(',').map(Number));
