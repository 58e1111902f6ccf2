import { describe, expect, it } from 'vitest';
import type { HttpFilter } from '../../model/http/filter.ts';
import { headerNameOf, headerValueOf, type HeaderField, type HeaderName } from '../../model/http/header.ts';
import { classFor, effectiveFilters } from './filters.ts';

function name(text: string): HeaderName {
  const found = headerNameOf(text);
  if (found === undefined) throw new Error('the test wrote something that is not in the grammar');
  return found;
}

function field(text: string, value: string): HeaderField {
  const found = headerValueOf(value);
  if (found === undefined) throw new Error('the test wrote something that is not in the grammar');
  return { name: name(text), value: found };
}

const headers = (
  parts: Partial<Omit<HttpFilter & { readonly type: 'RequestHeaderModifier' }, 'type'>>,
): HttpFilter => ({
  type: 'RequestHeaderModifier',
  set: [],
  add: [],
  remove: [],
  ...parts,
});

describe('effectiveFilters', () => {
  it('redirects to HTTPS where the namespace has TLS for the host', () => {
    const filters: readonly HttpFilter[] = [{ type: 'HttpsRedirect' }];
    expect(effectiveFilters(filters, { isSecured: true })).toEqual(filters);
    expect(effectiveFilters(filters, { isSecured: false })).toEqual([]);
  });

  it('makes one of two filters that change headers, as if the second came after the first', () => {
    const first = headers({ set: [field('a', '1'), field('b', '1')], add: [field('c', '1')], remove: [name('d')] });
    const second = headers({ set: [field('b', '2')], add: [field('a', '2')], remove: [name('c')] });
    expect(effectiveFilters([first, second], { isSecured: false })).toEqual([
      headers({ set: [field('a', '1'), field('b', '2')], add: [field('a', '2')], remove: [name('d'), name('c')] }),
    ]);
  });
});

describe('classFor', () => {
  it('is the smallest that has all the rules', () => {
    expect(classFor([])).toBe('plain');
    expect(classFor([{ type: 'HttpsRedirect' }])).toBe('plain');
    expect(classFor([{ type: 'HttpsRedirect' }, headers({})])).toBe('edit');
  });

  it('has the retries in its name', () => {
    expect(classFor([{ type: 'Retries', attempts: 0, onServerErrors: false }])).toBe('plain-r0');
    expect(classFor([{ type: 'Retries', attempts: 2, onServerErrors: true }, headers({})])).toBe('edit-r2e');
  });
});
