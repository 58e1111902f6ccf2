import { finding, type Finding } from '../../model/finding.ts';
import type { ObjectRef } from '../../model/object.ts';
import { admitObject, findingsKey, type Admission } from '../admit/admit.ts';
import { kindTypo } from '../admit/kind-typo.ts';
import type { SentDocument, SentSection } from './file-reading.ts';

/** One object of a file with what admission made of it. */
export interface Held {
  readonly digest: string;
  /** Of the object in the Store. */
  readonly key: string;
  readonly admission: Admission;
  /** 1-based, in the section. */
  readonly line: number;
  /** Position among the documents of the section. */
  readonly index: number;
  readonly item: number | undefined;
}

/** A part of a file with what admission made of it. */
export interface BelievedSection {
  readonly digest: string;
  readonly line: number;
  readonly index: number;
  readonly content: SectionContent;
}

/** The same for one text, wherever it stands. */
export interface SectionContent {
  readonly held: readonly Held[];
  readonly mistakes: readonly Mistake[];
}

/** What is wrong with a document that is no object of ours. */
interface Mistake {
  /** 1-based, in the section. */
  readonly line: number;
  readonly message: string;
  readonly remedy: string | undefined;
}

/** The Finding key of a file, and what it is about. */
export function manifestRef(path: string): ObjectRef {
  return { kind: 'Manifest', namespace: '', name: path };
}

/** What was admitted before, so that what has not changed stays the same. */
export interface Admitted {
  section(digest: string): SectionContent | undefined;
  object(digest: string): Admission | undefined;
  /** The newest version of an object that is in the Store. */
  version(key: string): Admission | undefined;
}

/** Admits a section that was sent. One that was sent without its documents is known, or was already {@link admitted}. */
export function* admitSection(sent: SentSection, admitted: Admitted): Generator<undefined, BelievedSection> {
  const { digest, line, index, documents } = sent;
  if (documents === undefined) {
    const content = admitted.section(digest);
    return { digest, line, index, content: content ?? { held: [], mistakes: [] } };
  }
  const held: Held[] = [];
  const mistakes: Mistake[] = [];
  for (const document of documents) {
    const admission = admitted.object(document.digest) ?? admitDocument(document, admitted, mistakes);
    if (admission !== undefined) {
      const { line: inSection, index: position, item } = document;
      const key = findingsKey(admission.ref);
      held.push({ digest: document.digest, key, admission, line: inSection, index: position, item });
    }
    yield;
  }
  return { digest, line, index, content: { held, mistakes } };
}

function admitDocument(document: SentDocument, admitted: Admitted, mistakes: Mistake[]): Admission | undefined {
  const raw: unknown = JSON.parse(document.json);
  const { line } = document;
  const admission = admitObject(raw);
  const typo = admission === undefined ? kindTypo(raw) : undefined;
  if (typo !== undefined) mistakes.push({ ...typo, line });
  return admission !== undefined && document.isTooLarge ? tooLarge(admission, admitted) : admission;
}

/** An object that no API server would take is refused; a smaller version from before is kept. */
function tooLarge({ ref }: Admission, admitted: Admitted): Admission {
  const change = admitted.version(findingsKey(ref))?.change;
  const findings = [finding('ObjectTooLarge', ref, '', 'the object is larger than 1 MiB')];
  return { ref, change, findings, observed: undefined };
}

/** What is wrong with documents of a file that are no objects of ours. */
export function mistakesIn(path: string, sections: readonly BelievedSection[]): readonly Finding[] {
  return sections.flatMap((section) =>
    section.content.mistakes.map(({ line, message, remedy }) =>
      finding('ObjectMalformed', manifestRef(path), lineField(section.line - 1 + line), message, remedy),
    ),
  );
}

/** The field of a Finding about a file; empty for the file as a whole. */
export function lineField(line: number): string {
  return line > 0 ? `line ${String(line)}` : '';
}
