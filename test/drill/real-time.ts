/**
 * As whatever shares a processor with nothing: what is measured is for how long the address does not answer, and not how busy the machine
 * is with other work. keepalived goes before it.
 */
export const REAL_TIME = ['chrt', '-r', '20'];
