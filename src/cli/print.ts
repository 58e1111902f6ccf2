import { messageOf } from '../lib/fault.ts';

/** Prints what was asked for, all of it, however slowly it is read. A reader that has seen enough (`| head`) is no trouble. */
export function print(text: string): void {
  process.stdout.write(text, (error) => {
    if (error === null || error === undefined || ('code' in error && error.code === 'EPIPE')) return;
    process.stderr.write(`sluice: cannot print: ${messageOf(error)}\n`);
    process.exitCode = 1;
  });
}
