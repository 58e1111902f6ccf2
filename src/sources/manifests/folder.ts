import { finding, type Finding } from '../../model/finding.ts';
import type { Change } from '../change.ts';
import {
  admitSection,
  lineField,
  manifestRef,
  mistakesIn,
  type Admitted,
  type BelievedSection,
  type SectionContent,
} from './believed-file.ts';
import { Claims, type Claim } from './claims.ts';
import type { FileNews, SentSection } from './file-reading.ts';
import type { PlaceTable } from './places.ts';

interface BelievedFile {
  readonly sections: BelievedSection[];
  /** What the sections hold, by their digests. */
  readonly contents: Map<string, SectionContent>;
  readonly claims: Claim[];
}

function emptyFile(): BelievedFile {
  return { sections: [], contents: new Map(), claims: [] };
}

/**
 * What of the manifests in a folder is believed. News of files come in, changes for the Store come out. What costs more the more
 * there is yields now and then, so that whoever drives it may do something else meanwhile.
 */
export class Folder {
  readonly #files = new Map<string, BelievedFile>();
  /** Parts of files that are being read. */
  readonly #incoming = new Map<string, BelievedFile>();
  readonly #claims = new Claims();
  /** Of files, as they are to be and as they are in the Store. */
  readonly #findings = new Map<string, readonly Finding[]>();
  readonly #committedFindings = new Map<string, string>();
  #troubles: ReadonlyMap<string, string> = new Map();
  #hasFileChanges = false;

  /** How many objects there are in the Store. */
  get objects(): number {
    return this.#claims.objects;
  }

  /** As {@link Claims.missing}. */
  get missing(): Claims['missing'] {
    return this.#claims.missing;
  }

  get hasChanges(): boolean {
    return this.#claims.hasChanges || this.#hasFileChanges;
  }

  /** Takes in what is new. Says whether that may change what is served. */
  *take(news: Exclude<FileNews, { readonly kind: 'large' }>, nowMs: number): Generator<undefined, boolean> {
    const { path } = news;
    const incoming = this.#incoming.get(path) ?? emptyFile();
    if (news.kind === 'part') {
      this.#incoming.set(path, incoming);
      yield* this.#takePart(path, news.sections, incoming);
      return false;
    }
    this.#incoming.delete(path);
    switch (news.kind) {
      case 'abandoned':
        return false;
      case 'broken':
        this.#tell(path, [unreadable(path, news.message, news.line)]);
        return false;
      case 'unreadable':
        this.#tell(path, [unreadable(path, news.message, 0)]);
        return false;
      case 'gone':
        yield* this.#replace(path, undefined, nowMs);
        return true;
      case 'read':
        if (news.documents > 0 && news.objects === 0 && this.#holdsSomething(path)) {
          const message = 'no document in it is a Kubernetes object, with apiVersion and kind';
          this.#tell(path, [unreadable(path, message, 0)]);
          return false;
        }
        yield* this.#replace(path, incoming, nowMs);
        return true;
    }
  }

  /** Folders and links that cannot be read at present, and why; what was in them stays. */
  setTroubles(troubles: ReadonlyMap<string, string>): void {
    if (troubles.size === 0 && this.#troubles.size === 0) return;
    for (const path of this.#troubles.keys()) if (!troubles.has(path)) this.#tell(path, this.#mistakesIn(path));
    for (const [path, message] of troubles) this.#tell(path, [unreadable(path, message, 0)]);
    this.#troubles = troubles;
  }

  /** As {@link Claims.expire}. */
  expire(untilMs: number): void {
    this.#claims.expire(untilMs);
  }

  /** What has to be changed in the Store. */
  *takeChanges(): Generator<undefined, readonly Change[]> {
    const changes = yield* this.#claims.takeChanges();
    if (this.#hasFileChanges) {
      for (const [path, findings] of this.#findings) {
        yield;
        const text = JSON.stringify(findings);
        if (text === (this.#committedFindings.get(path) ?? '[]')) continue;
        changes.push({ table: 'findings', key: `Manifest/${path}`, value: findings.length > 0 ? findings : undefined });
        this.#committedFindings.set(path, text);
      }
      for (const [path, findings] of this.#findings) {
        if (findings.length > 0) continue;
        this.#findings.delete(path);
        this.#committedFindings.delete(path);
      }
    }
    this.#hasFileChanges = false;
    return changes;
  }

  /** Where everything stands. */
  places(): PlaceTable {
    return this.#claims.places();
  }

  *#takePart(path: string, sections: readonly SentSection[], incoming: BelievedFile): Generator<undefined, void> {
    const before = this.#files.get(path);
    const admitted: Admitted = {
      section: (digest) => incoming.contents.get(digest) ?? before?.contents.get(digest),
      object: (digest) => this.#claims.admission(digest),
      version: (key) => this.#claims.ofObject(key),
    };
    for (const sent of sections) {
      const section = yield* admitSection(sent, admitted);
      incoming.sections.push(section);
      incoming.contents.set(section.digest, section.content);
      for (const held of section.content.held) incoming.claims.push({ path, section, held });
    }
  }

  *#replace(path: string, file: BelievedFile | undefined, nowMs: number): Generator<undefined, void> {
    const before = this.#files.get(path);
    yield* this.#claims.replace(before?.claims ?? [], file?.claims ?? [], nowMs);
    if (file === undefined) this.#files.delete(path);
    else this.#files.set(path, file);
    this.#tell(path, this.#mistakesIn(path));
  }

  #holdsSomething(path: string): boolean {
    return (this.#files.get(path)?.claims ?? []).length > 0;
  }

  #mistakesIn(path: string): readonly Finding[] {
    return mistakesIn(path, this.#files.get(path)?.sections ?? []);
  }

  #tell(path: string, findings: readonly Finding[]): void {
    if (findings.length === 0 && !this.#findings.has(path)) return;
    this.#findings.set(path, findings);
    this.#hasFileChanges = true;
  }
}

function unreadable(path: string, message: string, line: number): Finding {
  return finding('ManifestUnreadable', manifestRef(path), lineField(line), message);
}
