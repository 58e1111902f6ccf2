import type { IngressPolicy } from '../../../model/ingress.ts';
import { shown, type Field } from '../field.ts';

/**
 * What somebody loses whose annotation is not implemented.
 * - `restriction`: somebody who is kept out elsewhere would come in. All paths of the Ingress answer 503 instead.
 * - `protection`: nobody is kept out by it, but much or hostile traffic is held back. Served, and reported as an error.
 * - `feature`: anything else. Served, and reported.
 */
export type Lack = 'restriction' | 'protection' | 'feature';

/** What annotations of an Ingress set. */
export interface AnnotatedValues extends IngressPolicy {
  /** `kubernetes.io/ingress.class`. */
  readonly className: string | undefined;
}

/** One annotation of an Ingress: all that the house knows of it. */
export interface AnnotationRow {
  /** What follows the prefix of its family; a `*` at its end stands for any end. */
  readonly name: string;
  /** For the reference page: what it does; of one that needs nothing done, why. */
  readonly text: string;
  readonly support: Support;
}

export type Support =
  /** Read. `read` gives what a value sets in the policy of the Ingress, and adds Findings about one that cannot be understood. */
  | {
      readonly kind: 'supported';
      readonly read: (value: Field) => Partial<AnnotatedValues>;
      /** What of a value is lost where it is not read: under a name that is nearly this one, or in the wrong place. */
      readonly lackOf: (value: string) => Lack | undefined;
    }
  /** Not implemented. `lackOf` says what of a value is lost; undefined: nothing. */
  | { readonly kind: 'unsupported'; readonly lack: Lack; readonly lackOf: (value: string) => Lack | undefined }
  /** Has no effect that could be missed, so that nothing is said of it. */
  | { readonly kind: 'needless' };

/** The annotations of one controller. */
export interface AnnotationFamily {
  /** The heading on the reference page. */
  readonly title: string;
  readonly prefixes: readonly [string, ...string[]];
  /**
   * Whether every annotation under the prefixes stands among the rows, so that another one is unknown and reported. Of other
   * families, the rows are those that restrict access, and the rest is passed over: it is often left from a former controller.
   */
  readonly isComplete: boolean;
  readonly rows: readonly AnnotationRow[];
}

type Read = (value: Field) => Partial<AnnotatedValues>;

export function supported(name: string, text: string, read: Read): AnnotationRow {
  return { name, text, support: { kind: 'supported', read, lackOf: () => 'feature' } };
}

/** One that restricts access: what is not read of it closes the Ingress. */
export function supportedRestriction(
  name: string,
  text: string,
  read: Read,
  lackOf = unlessOff('restriction'),
): AnnotationRow {
  return { name, text, support: { kind: 'supported', read, lackOf } };
}

/** Restricts access unless it is switched off, or `lackOf` knows better. */
export function restricting(name: string, text: string, lackOf = unlessOff('restriction')): AnnotationRow {
  return { name, text, support: { kind: 'unsupported', lack: 'restriction', lackOf } };
}

export function protecting(name: string, text: string): AnnotationRow {
  return { name, text, support: { kind: 'unsupported', lack: 'protection', lackOf: unlessOff('protection') } };
}

export function unsupported(name: string, text: string, lackOf = unlessOff('feature')): AnnotationRow {
  return { name, text, support: { kind: 'unsupported', lack: 'feature', lackOf } };
}

export function needless(name: string, why: string): AnnotationRow {
  return { name, text: why, support: { kind: 'needless' } };
}

type LackOf = (value: string) => Lack | undefined;

/** Controllers take these for "as if it were not there". */
function unlessOff(lack: Lack): LackOf {
  return unless(lack, /^(?:|false|off)$/i);
}

/** Nothing is lost with values that match. */
export function unless(lack: Lack, pattern: RegExp): LackOf {
  return (value) => (pattern.test(value.trim()) ? undefined : lack);
}

/** A list of ranges that lets somebody out. `0.0.0.0/0` is how people write "everybody" (cert-manager's solvers do). */
export function allowList(value: string): Lack | undefined {
  const ranges = value.split(',').map((range) => range.trim());
  return ranges.includes('0.0.0.0/0') ? undefined : 'restriction';
}

/** Directives of nginx and HAProxy by which configuration in a snippet keeps somebody out. */
const RESTRICTING_DIRECTIVE =
  /\b(?:deny|allow|auth_\w+|satisfy|ssl_verify_client|limit_except|access_by_lua\w*|return\s+4\d\d|http-request\s+(?:deny|auth|reject|silent-drop)|tcp-request)\b/;

/** Configuration as text, which is never taken over. */
export function snippet(value: string): Lack | undefined {
  if (value.trim() === '') return undefined;
  return RESTRICTING_DIRECTIVE.test(value) ? 'restriction' : 'feature';
}

/** As Go's strconv.ParseBool reads it, because that is what reads annotations elsewhere. */
export function booleanAnnotation(field: Field): boolean | undefined {
  const text = field.text();
  if (text === undefined || text === '') return undefined;
  if (/^(?:1|t|T|TRUE|true|True)$/.test(text)) return true;
  if (/^(?:0|f|F|FALSE|false|False)$/.test(text)) return false;
  field.add('AnnotationInvalid', `${shown(text)} is neither "true" nor "false"`);
  return undefined;
}

/** A member that is there only where it has a value: what an empty annotation leaves open, others may say. */
export function defined<Name extends keyof AnnotatedValues>(
  name: Name,
  value: AnnotatedValues[Name] | undefined,
): Partial<AnnotatedValues> {
  return value === undefined ? {} : { [name]: value };
}
