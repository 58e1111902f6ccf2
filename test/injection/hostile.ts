import fc from 'fast-check';

/** What would be syntax in haproxy.cfg, a map file, a crt-list, a PEM file or on the runtime CLI, were it let through. */
const PIECES = [
  ';',
  '\n',
  '\r\n',
  '\r',
  '\\',
  '\\n',
  '\\;',
  '"',
  "'",
  '`',
  '#',
  ' ',
  '\t',
  '<<',
  ' <<\n',
  ' <<EOF\n',
  '\n\n',
  '$',
  '${HOME}',
  '%[src]',
  '%{+Q}o',
  '|',
  '||',
  '{',
  '}',
  '[',
  ']',
  '(',
  ')',
  '*',
  '?',
  '..',
  '../../../etc/passwd',
  '/',
  '//',
  '@',
  '!',
  '-',
  '_',
  ',',
  ':',
  '=',
  '\u0000',
  '\u0001',
  '\u001b[2J',
  '\u007f',
  '\u0085',
  '\u00a0',
  '\u2028',
  '\ufeff',
  '\ud800',
  'é',
  'İ',
  'K',
  'ſ',
  '٠',
  '１',
  '😀',
  '；',
  ';shutdown sessions server bystander_web_80',
  '; del map routes.map bystander.example.com/',
  '\nset server bystander_web_80/192.0.2.1_8080 state maint\n',
  '\n    server evil 192.0.2.66:80\n',
  '\nbackend evil\n    server evil 192.0.2.66:80\n',
  '\nbystander.example.com/ evil||x|\n',
  '\n-----END CERTIFICATE-----\n\nshow info\n',
  '|^bystander\\.example\\.com/',
  '|.*',
  ')|(',
  ')|.*(?:',
  '[^a]*',
  '\\Q(\\E)|.*(?:x\\Q)\\E',
  '[])|.*(?:[(]',
  '[[:alpha:](])|.*(?:[[:alpha:])]',
  '\\c()|.*(?:\\c)',
  '(?#',
  '(*FAIL)',
  '(?i)',
  '__proto__',
  'constructor',
  '%0a',
  '%00',
];

/** Harmless strings, of which at least one fits each kind of field. */
export const HARMLESS = [
  '',
  'harmless',
  'harmless.example.com',
  '/harmless',
  '192.0.2.99',
  '2001:db8::99',
  'Exact',
  'Prefix',
  'UDP',
  'true',
  'ExternalName',
];

const piece = fc.constantFrom(...PIECES);
const text = fc.oneof(
  { weight: 3, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 2, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary-ascii', maxLength: 300 }) },
);
const pieces = fc.array(fc.oneof({ weight: 3, arbitrary: piece }, { weight: 1, arbitrary: text }), {
  minLength: 1,
  maxLength: 4,
});

/** A string that somebody means harm with, perhaps made from one that was right. */
export interface Attack {
  readonly text: string;
  /** Where it goes into the right string, from 0 for its start to 1 for its end; undefined: in its place. */
  readonly share: number | undefined;
  readonly maxLength: number;
}

/** What becomes of a string that was right. */
export function attacked(original: string, { text: hostile, share, maxLength }: Attack): string {
  if (share === undefined) return hostile;
  const at = Math.round(share * original.length);
  return (original.slice(0, at) + hostile + original.slice(at)).slice(0, maxLength);
}

const hostileText = fc.oneof(
  { weight: 6, arbitrary: piece },
  { weight: 8, arbitrary: pieces.map((items) => items.join('')) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.constantFrom('a', 'a.', '/a', ';', '\n', 'é'), fc.constantFrom(64, 254, 4097, 65_536))
      .map(([unit, length]) => unit.repeat(length)),
  },
  { weight: 1, arbitrary: fc.constantFrom(...HARMLESS) },
);

export const attack: fc.Arbitrary<Attack> = fc.record({
  text: hostileText,
  // Half right: only what is checked from end to end is refused then.
  share: fc.oneof(fc.constantFrom(undefined, 0, 1), fc.double({ min: 0, max: 1, noNaN: true })),
  maxLength: fc.constantFrom(63, 253, 512, 4096, 65_536, 70_000),
});
