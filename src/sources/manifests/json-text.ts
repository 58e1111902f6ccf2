/**
 * JSON read by its structure alone, for what `JSON.parse` does not say: where values stand, and whether a member is there twice. It
 * takes a second for as much as the YAML parser needs a minute for.
 */

/** A value at the top of a text, and the offsets of the items in its member `items`. */
export interface JsonValue {
  readonly start: number;
  readonly end: number;
  readonly items: readonly number[];
  /** How many members all objects in it have together. */
  readonly members: number;
}

const TOKEN = /"[^"\\\n]*(?:\\.[^"\\\n]*)*"|[{}[\],:]/g;

/**
 * The values of a stream of JSON objects and lists, such as `jq` prints; undefined where the text is none. Whether each is JSON is for
 * `JSON.parse` to say.
 */
export function scanJson(text: string): readonly JsonValue[] | undefined {
  const values: JsonValue[] = [];
  let depth = 0;
  let open: { start: number; items: number[]; members: number } | undefined;
  let last = '';
  /** Inside of `items` at the top, whose items are at depth 2. */
  let isInItems = false;
  let end = 0;
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    if (open === undefined) {
      if ((token !== '{' && token !== '[') || text.slice(end, index).trim() !== '') return undefined;
      open = { start: index, items: [], members: 0 };
    }
    if (isInItems && depth === 2 && (last === '[' || last === ',') && token !== ']' && token !== ',')
      open.items.push(index);
    if (token === ':') open.members += 1;
    if (token === '{' || token === '[') {
      depth += 1;
      if (token === '[' && depth === 2 && last === '"items":') isInItems = true;
    } else if (token === '}' || token === ']') {
      depth -= 1;
      if (depth < 2) isInItems = false;
      if (depth < 0) return undefined;
      if (depth === 0) {
        end = index + 1;
        values.push({ ...open, end });
        open = undefined;
      }
    }
    last = token === ':' && last === '"items"' && depth === 1 ? '"items":' : token;
  }
  return open === undefined && text.slice(end).trim() === '' && values.length > 0 ? values : undefined;
}

/** How many members all objects in a value have together: fewer than in its text where a name stands twice. */
export function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const inner: readonly unknown[] = Object.values(value);
  return inner.reduce<number>((sum, item) => sum + countMembers(item), Array.isArray(value) ? 0 : inner.length);
}
