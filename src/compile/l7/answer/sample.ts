import type { PathRegex } from '../../../model/path-regex.ts';
import { anchored, expression } from './expression.ts';

/**
 * A short text that an expression matches from its start: for each choice the first one, of what may be repeated as little as there must be
 * and once where it may be nothing. Undefined where none was found, as where it looks ahead or back.
 */
export function sampleOf(regex: PathRegex): string | undefined {
  const reader = new Reader(regex.replace(/^\^/, ''));
  const sample = reader.alternatives();
  return anchored(regex).test(sample) ? sample : undefined;
}

/** A letter of what each set stands for. */
const SETS: Readonly<Record<string, string>> = {
  d: '0',
  w: 'a',
  s: ' ',
  D: 'a',
  W: '-',
  S: 'a',
  b: '',
  B: '',
  t: '\t',
};

/** Reads an expression of the grammar of PathRegex, and makes a sample of what it reads. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The first of several alternatives. */
  alternatives(): string {
    const first = this.#sequence();
    while (this.#takes('|')) this.#sequence();
    return first;
  }

  #sequence(): string {
    let sample = '';
    while (this.#at < this.#text.length && !/[|)]/.test(this.#text.charAt(this.#at))) {
      const atom = this.#atom();
      sample += atom.repeat(this.#count());
    }
    return sample;
  }

  #atom(): string {
    const character = this.#next();
    switch (character) {
      case '(':
        return this.#group();
      case '[':
        return this.#class();
      case '.':
        return 'x';
      case '^':
      case '$':
        return '';
      case '\\':
        return this.#escape();
      default:
        return character;
    }
  }

  #group(): string {
    // What looks ahead or back takes nothing.
    const isLook = /^\?<?[=!]/.test(this.#text.slice(this.#at));
    const [opening = ''] = /^\?(?:[:=!]|<\w+>)/.exec(this.#text.slice(this.#at)) ?? [];
    this.#at += opening.length;
    const sample = this.alternatives();
    this.#takes(')');
    return isLook ? '' : sample;
  }

  #class(): string {
    const [text = ''] = /^\^?\]?(?:\\.|\[:\w+:\]|[^\]\\])*\]/.exec(this.#text.slice(this.#at)) ?? [];
    this.#at += text.length;
    const matcher = expression(`^[${text}$`);
    // Letters and digits first: they make no other path.
    const candidates = 'a0Ax-_.~/!@%+=:;, '.split('');
    return candidates.find((candidate) => matcher.test(candidate)) ?? 'a';
  }

  #escape(): string {
    const character = this.#next();
    if (character !== 'x') return SETS[character] ?? character;
    const digits = this.#text.slice(this.#at, this.#at + 2);
    this.#at += 2;
    return String.fromCharCode(Number.parseInt(digits, 16));
  }

  /** How often what was just read stands in the sample. */
  #count(): number {
    const [text = '', least] = /^(?:[*+?]|\{(\d+)(?:,\d*)?\})[?+]?/.exec(this.#text.slice(this.#at)) ?? [];
    this.#at += text.length;
    return least === undefined ? 1 : Number(least);
  }

  #next(): string {
    const character = this.#text.charAt(this.#at);
    this.#at += 1;
    return character;
  }

  #takes(character: string): boolean {
    if (this.#text.charAt(this.#at) !== character) return false;
    this.#at += 1;
    return true;
  }
}
