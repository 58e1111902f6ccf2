import { inspect } from 'node:util';
import { written } from '../observe/log-output.ts';

/** How long the reader of a log may take for the last lines. */
const LAST_LINES_MS = 2_000;

/** The same after a bug, while which nothing else should go on. */
const LAST_LINES_OF_CRASH_MS = 500;

/**
 * Ends the process by itself, or before long. Lines that nobody reads would keep it alive for ever. For when nothing else is
 * left to do.
 */
export function endOnceWritten(): void {
  setTimeout(() => process.exit(), LAST_LINES_MS).unref();
}

/** Has a bug end the process, as it would anyway, but not before what led to it is in the log. */
export function crashOnceWritten(): void {
  process.once('uncaughtException', (thrown) => {
    const end = (): void => process.exit(1);
    setTimeout(end, LAST_LINES_OF_CRASH_MS);
    process.stderr.write(`${inspect(thrown)}\n`);
    Promise.all([process.stdout, process.stderr].map(written)).then(end, end);
  });
}
