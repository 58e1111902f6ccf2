import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../lib/fault.ts';
import { isRecord } from '../../lib/is-record.ts';
import { digestOf, parseSection, type RawDocument } from './document.ts';
import { statusOf } from './listing.ts';
import { sectionsOf } from './sections.ts';
import { decodeText } from './text.ts';

/** An object of a file on its way from the thread that reads: as JSON, which costs the least on the other side. */
export type SentDocument = Omit<RawDocument, 'raw'>;

/** A part of a file. */
export interface SentSection {
  /** Equal for equal texts. */
  readonly digest: string;
  /** 1-based line of the file on which it starts. */
  readonly line: number;
  /** How many documents of the file stand above it. */
  readonly index: number;
  /** Undefined when the file had a section of this digest before, so that the other side knows it. */
  readonly documents: readonly SentDocument[] | undefined;
}

/** What becomes known of a file. Parts come in order, and count when `read` comes. */
export type FileNews =
  | { readonly kind: 'part'; readonly path: string; readonly sections: readonly SentSection[] }
  | {
      readonly kind: 'read';
      readonly path: string;
      /** Documents that hold something, and which of them are Kubernetes objects of whatever kind. */
      readonly documents: number;
      readonly objects: number;
    }
  /** `line` is 0 where it is the file as a whole. */
  | { readonly kind: 'broken'; readonly path: string; readonly message: string; readonly line: number }
  /** The file system said no. */
  | { readonly kind: 'unreadable'; readonly path: string; readonly message: string }
  /** Written anew while it was read: what came of it does not count. */
  | { readonly kind: 'abandoned'; readonly path: string }
  /** To be read by {@link readFile} on a thread of its own. */
  | { readonly kind: 'large'; readonly path: string; readonly stamp: string }
  | { readonly kind: 'gone'; readonly path: string };

/** What is remembered of a section that was sent. */
interface Summary {
  readonly count: number;
  readonly documents: number;
  readonly objects: number;
}

/** The sections of a file that were sent and counted, by their digests. */
export type SentSections = Map<string, Summary>;

/** A part is sent when it has so many characters, so that taking it is short work. */
const PART_LENGTH = 64 * 1024;

/**
 * Reads a file and sends what is new in it. `sent` is brought up to date when the file counts. Each `next` is short work, unless a
 * single document is long.
 */
export function* readFile(root: string, path: string, stamp: string, sent: SentSections): Generator<FileNews, void> {
  yield yield* partsOf(root, path, stamp, sent);
}

/** Sends the parts, and returns what comes of the file. */
function* partsOf(root: string, path: string, stamp: string, sent: SentSections): Generator<FileNews, FileNews> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(join(root, path));
    if (statusOf(join(root, path)).stamp !== stamp) return { kind: 'abandoned', path };
  } catch (thrown) {
    return { kind: 'unreadable', path, message: messageOf(thrown) };
  }
  const decoded = decodeText(bytes);
  if (decoded.kind === 'broken') return { ...decoded, path };
  const next: SentSections = new Map();
  const total = { documents: 0, objects: 0 };
  let index = 0;
  let part: SentSection[] = [];
  let length = 0;
  for (const section of sectionsOf(decoded.text)) {
    const digest = digestOf(section.text);
    let summary = next.get(digest) ?? sent.get(digest);
    let documents: SentDocument[] | undefined;
    if (summary === undefined) {
      const parsed = parse(section);
      if (parsed.kind === 'broken')
        return { ...parsed, path, line: parsed.line === 0 ? 0 : section.line - 1 + parsed.line };
      documents = parsed.documents.map(toSend);
      const objects = parsed.documents.filter(({ raw }) => isObject(raw)).length;
      summary = { count: parsed.count, documents: documents.length, objects };
    }
    next.set(digest, summary);
    part.push({ digest, line: section.line, index, documents });
    index += summary.count;
    total.documents += summary.documents;
    total.objects += summary.objects;
    length += documents === undefined ? 200 : documents.reduce((sum, { json }) => sum + json.length, 200);
    if (length < PART_LENGTH) continue;
    yield { kind: 'part', path, sections: part };
    part = [];
    length = 0;
  }
  yield { kind: 'part', path, sections: part };
  // What is not one object, and kept out for that, is not known on the other side.
  if (total.documents === 0 || total.objects > 0) {
    sent.clear();
    for (const [digest, summary] of next) sent.set(digest, summary);
  }
  return { kind: 'read', path, ...total };
}

/** As {@link parseSection}; what is nested deeper than the parser can go is broken as well. */
function parse(section: Parameters<typeof parseSection>[0]): ReturnType<typeof parseSection> {
  try {
    return parseSection(section);
  } catch (thrown) {
    return { kind: 'broken', message: messageOf(thrown), line: 0 };
  }
}

/** Of what is too large no more than its name is needed. */
function toSend({ raw, ...document }: RawDocument): SentDocument {
  if (!document.isTooLarge || !isRecord(raw)) return document;
  const metadata = isRecord(raw['metadata']) ? raw['metadata'] : {};
  const { name, namespace } = metadata;
  const json = JSON.stringify({ apiVersion: raw['apiVersion'], kind: raw['kind'], metadata: { name, namespace } });
  return { ...document, json };
}

/** Whether a value has what every Kubernetes object has. */
export function isObject(raw: unknown): boolean {
  return isRecord(raw) && 'apiVersion' in raw && 'kind' in raw;
}
