/** One line (with payload, a few) for HAProxy's runtime CLI. */
export type Command = string;

/**
 * What a payload may hold if it can be cut: it then fits HAProxy's buffer of 16 KiB together with its command. Of a longer one
 * HAProxy 3.4 takes a few buffers at a time, and for a line of three buffers it waits for ever, with a thread that never rests.
 */
export const MAX_PAYLOAD_BYTES = 12_000;

/** A command with a payload; the empty line ends it (management guide §9.3). */
export function payload(command: string, lines: readonly string[]): Command {
  return `${command} <<\n${lines.join('\n')}\n`;
}
