import fc from 'fast-check';
import { attacked, type Attack } from './hostile.ts';
import { placesOf, read, targets, write, type Json, type Place } from './objects.ts';

/** A string of one of the targets. */
export interface Mark {
  readonly index: number;
  readonly place: Place;
}

export const marks: readonly Mark[] = targets.flatMap((target, index) =>
  placesOf(target).map((place) => ({ index, place })),
);

/** Places whose strings are quoted to HAProxy, each in its own way: half of the attacks go there. */
const quoted = marks.filter(({ place: { path, part } }) => {
  const field = path.findLast((step) => typeof step === 'string');
  return (
    part === 'value' &&
    /^(?:host|hosts|hostname|hostnames|path|name|value|namespace|secretName|tls\.crt|addresses|ip)$/.test(String(field))
  );
});
const paths = quoted.filter(({ place: { path } }) => path.at(-1) === 'path');
export const anyMark: fc.Arbitrary<Mark> = fc.oneof(
  fc.constantFrom(...marks),
  fc.constantFrom(...quoted),
  fc.constantFrom(...paths),
);

/** The objects with `text` in the marked place. */
export function withText(objects: readonly Json[], { index, place }: Mark, text: string): readonly Json[] {
  return objects.map((object, at) => (at === index ? write(object, place, text) : object));
}

/** The string in the marked place. */
export function textAt(objects: readonly Json[], { index, place }: Mark): string {
  const object = objects[index];
  return object === undefined ? '' : read(object, place);
}

/** The objects after some attacks, one after the other. */
export function afterAttacks(objects: readonly Json[], attacks: readonly (readonly [Mark, Attack])[]): readonly Json[] {
  return attacks.reduce(
    (before, [mark, attack]) => withText(before, mark, attacked(textAt(before, mark), attack)),
    objects,
  );
}
