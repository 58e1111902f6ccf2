import { pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { LogFields, Logger } from '../lib/logger.ts';
import type { LogOutput } from './log-output.ts';

export type LogFormat = 'json' | 'text';
export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** The program's log: JSON for machines, readable text for people. */
export function createLogger(format: LogFormat, level: LogLevel, output: Pick<LogOutput, 'write'>): Logger {
  const options = { level, base: null, timestamp: pino.stdTimeFunctions.isoTime };
  return new PinoLogger(pino(options, format === 'json' ? output : { write: readable(output) }));
}

function readable(output: Pick<LogOutput, 'write'>): (line: string) => void {
  const colorize = process.stderr.isTTY && process.env['NO_COLOR'] === undefined;
  const pretty = prettyFactory({
    colorize,
    translateTime: 'SYS:HH:MM:ss.l',
    ignore: 'pid,hostname',
    singleLine: true,
  });
  return (line) => output.write(pretty(line));
}

/** What {@link PinoLogger} needs of pino: the message comes second there. */
type PinoLike = Pick<ReturnType<typeof pino>, 'debug' | 'info' | 'warn' | 'error' | 'child'>;

class PinoLogger implements Logger {
  readonly #pino: PinoLike;

  constructor(target: PinoLike) {
    this.#pino = target;
  }

  debug(message: string, fields: LogFields = {}): void {
    this.#pino.debug(fields, message);
  }

  info(message: string, fields: LogFields = {}): void {
    this.#pino.info(fields, message);
  }

  warn(message: string, fields: LogFields = {}): void {
    this.#pino.warn(fields, message);
  }

  error(message: string, fields: LogFields = {}): void {
    this.#pino.error(fields, message);
  }

  with(fields: LogFields): Logger {
    return new PinoLogger(this.#pino.child(fields));
  }
}
