import { connect } from 'node:net';
import { Fault, messageOf } from '../../lib/fault.ts';

/** How long BIRD may take for an answer, in milliseconds. It answers within one; a configuration of thousands of peers takes a second. */
const ANSWER_DEADLINE_MS = 5_000;

/** One line of an answer: what BIRD numbers it with, and what it says. Lines that go on have the number of the one before. */
export interface ReplyLine {
  readonly code: number;
  readonly text: string;
}

/**
 * Gives BIRD one command by its control socket and returns the lines of the answer. The last one has the code that says how it went: 0xxx
 * done, 8xxx refused, 9xxx not understood.
 *
 * @throws Fault `bird-silent` when there is no answer in time, `bird-gone` when nobody listens or the connection ends before
 */
export function ask(socketPath: string, command: string): Promise<readonly ReplyLine[]> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath);
    const lines: ReplyLine[] = [];
    let rest = '';
    let isGreeted = false;
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      socket.destroy();
      settle();
    };
    const gone = (reason: string): void => end(() => reject(new Fault('bird-gone', `BIRD cannot be asked: ${reason}`)));
    const timer = setTimeout(
      () => end(() => reject(new Fault('bird-silent', `BIRD does not answer "${command}" in time`))),
      ANSWER_DEADLINE_MS,
    );
    socket.on('error', (error) => gone(messageOf(error)));
    socket.on('close', () => gone('it closed the connection'));
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      const parts = `${rest}${chunk}`.split('\n');
      rest = parts.pop() ?? '';
      for (const part of parts) {
        const line = replyLine(part, lines.at(-1)?.code ?? 0);
        if (isGreeted) lines.push(line);
        if (!isLast(part)) continue;
        if (isGreeted) {
          end(() => resolve(lines));
          return;
        }
        isGreeted = true;
        socket.write(`${command}\n`);
      }
    });
  });
}

/** Whether no line follows: a code with a blank behind it, where others have `-`. */
function isLast(line: string): boolean {
  return /^\d{4} /.test(line);
}

function replyLine(line: string, before: number): ReplyLine {
  const [, code, text = ''] = /^(\d{4})[ -](.*)$/.exec(line) ?? [];
  return code === undefined ? { code: before, text: line.replace(/^[ +]/, '') } : { code: Number(code), text };
}

/** The code that says how a command went. */
export function resultOf(lines: readonly ReplyLine[]): ReplyLine {
  return lines.at(-1) ?? { code: 9_000, text: 'nothing' };
}
