import { cidrOf, hostCidr, type Cidr } from '../../../../model/cidr.ts';
import { ipAddressOf } from '../../../../model/grammar.ts';
import type { NginxConfig } from '../../../../model/nginx-config.ts';

/** A value of the ConfigMap. `report` says what is wrong with it, and what follows from that. */
export interface ConfigValue {
  readonly text: string;
  readonly report: (problem: string) => void;
}

/** What a key sets. */
export type ConfigChange = Partial<NginxConfig>;

/** One key of the ConfigMap: all that the house knows of it. */
export interface ConfigKeyRow {
  readonly name: string;
  /** For the reference page: what it does; of one that needs nothing done, why. */
  readonly text: string;
  readonly support:
    | { readonly kind: 'honoured'; readonly read: (value: ConfigValue) => ConfigChange }
    /** Has no effect that could be missed, so that nothing is said of it. */
    | { readonly kind: 'needless' }
    /**
     * Not done. `restriction`: it would keep somebody out, so that every path of every Ingress answers 503; `feature`: reported only.
     * Values that `isOff` matches lose nothing.
     */
    | { readonly kind: 'refused'; readonly lack: 'restriction' | 'feature'; readonly isOff: RegExp };
}

export function honoured(name: string, text: string, read: (value: ConfigValue) => ConfigChange): ConfigKeyRow {
  return { name, text, support: { kind: 'honoured', read } };
}

export function needless(text: string, ...names: readonly string[]): readonly ConfigKeyRow[] {
  return names.map((name) => ({ name, text, support: { kind: 'needless' } }));
}

const OFF = /^(?:|false|off|0)$/i;

export function refused(name: string, text: string, isOff: RegExp = OFF): ConfigKeyRow {
  return { name, text, support: { kind: 'refused', lack: 'feature', isOff } };
}

export function closing(name: string, text: string, isOff: RegExp = OFF): ConfigKeyRow {
  return { name, text, support: { kind: 'refused', lack: 'restriction', isOff } };
}

const NOTHING: ConfigChange = {};

/** As Go's strconv.ParseBool reads it. */
export function flag(set: (isOn: boolean) => ConfigChange): (value: ConfigValue) => ConfigChange {
  return ({ text, report }) => {
    if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return set(true);
    if (/^(?:0|f|F|FALSE|false|False)$/.test(text)) return set(false);
    report('is neither "true" nor "false"; the default is used');
    return NOTHING;
  };
}

/** A whole number within bounds. */
export function count(
  least: number,
  most: number,
  set: (number: number) => ConfigChange,
): (value: ConfigValue) => ConfigChange {
  return ({ text, report }) => {
    const number = /^\d{1,10}$/.test(text) ? Number(text) : -1;
    if (number >= least && number <= most) return set(number);
    report(`is no whole number from ${String(least)} to ${String(most)}; the default is used`);
    return NOTHING;
  };
}

const UNITS_MS: Readonly<Record<string, number>> = { '': 1000, s: 1000, ms: 1, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** HAProxy does not start with a time of 2^31 milliseconds. */
const LONGEST_MS = 24 * 86_400_000;

/** Seconds, or a number with one of nginx's units. */
export function duration(set: (ms: number) => ConfigChange): (value: ConfigValue) => ConfigChange {
  return ({ text, report }) => {
    const [, digits, unit = ''] = /^(\d{1,9})(ms|s|m|h|d)?$/.exec(text) ?? [];
    const ms = digits === undefined ? Infinity : Number(digits) * (UNITS_MS[unit] ?? Infinity);
    if (ms <= LONGEST_MS) return set(ms);
    report('is no time such as "60" or "60s", of at most 24 days; the default is used');
    return NOTHING;
  };
}

const UNITS_BYTES: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 };

/** Bytes, or with k, m or g so many of these. */
export function size(set: (bytes: number) => ConfigChange): (value: ConfigValue) => ConfigChange {
  return ({ text, report }) => {
    const [, digits, unit = ''] = /^(\d{1,12})([bkmg]?)$/i.exec(text) ?? [];
    if (digits !== undefined) return set(Number(digits) * (UNITS_BYTES[unit.toLowerCase()] ?? 1));
    report('is no size such as "8m"; the default is used');
    return NOTHING;
  };
}

/** The parts of a list between commas or blanks. */
export function wordsOf({ text }: ConfigValue): readonly string[] {
  return text.split(/[,\s]+/).filter((word) => word !== '');
}

/** Ranges and addresses between commas, and what is neither. */
export function rangesOf(text: string): { readonly ranges: readonly Cidr[]; readonly others: readonly string[] } {
  const ranges: Cidr[] = [];
  const others: string[] = [];
  for (const item of text.split(',').map((part) => part.trim())) {
    if (item === '') continue;
    const address = ipAddressOf(item);
    const range = address === undefined ? cidrOf(item) : hostCidr(address);
    if (range === undefined) others.push(item);
    else ranges.push(range);
  }
  return { ranges, others };
}
