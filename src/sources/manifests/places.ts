import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Finding } from '../../model/finding.ts';
import { findingsKey } from '../admit/admit.ts';
import { FieldLines } from './field-lines.ts';
import { decodeText } from './text.ts';

/** Where an object stands in a folder of manifests. */
export interface Place {
  /** Relative to the folder. */
  readonly path: string;
  /** Position among the documents of the file. */
  readonly document: number;
  /** Position in the List that the document is; undefined when it is none. */
  readonly item: number | undefined;
  /** 1-based line on which it starts. */
  readonly line: number;
}

/** A place as editors and terminals understand it. */
export interface FileLine {
  readonly path: string;
  readonly line: number;
}

/** What a scan knows of where things stand. */
export interface PlaceTable {
  /** Of what was admitted, by {@link findingsKey}. */
  readonly objects: ReadonlyMap<string, Place>;
  /** Of documents that could not be admitted, or that describe an object once more. */
  readonly strays: ReadonlyMap<Finding, Place>;
}

/** Tells where in a folder of manifests a Finding is to be mended. */
export class ManifestPlaces {
  readonly #directory: string;
  readonly #table: PlaceTable;
  readonly #lines = new Map<string, FieldLines>();

  constructor(directory: string, table: PlaceTable) {
    this.#directory = directory;
    this.#table = table;
  }

  /** The line of the field; undefined for what stands in no file. @throws what the file system throws. */
  async placeOf(finding: Finding): Promise<FileLine | undefined> {
    if (finding.object.kind === 'Manifest') {
      const line = /^line (\d+)$/.exec(finding.field)?.[1];
      return { path: finding.object.name, line: Number(line ?? 1) };
    }
    const place = this.#table.strays.get(finding) ?? this.#table.objects.get(findingsKey(finding.object));
    if (place === undefined) return undefined;
    const { path, document, item, line } = place;
    if (finding.field === '') return { path, line };
    return { path, line: (await this.#linesOf(path)).lineOf(document, item, finding.field) };
  }

  async #linesOf(path: string): Promise<FieldLines> {
    const known = this.#lines.get(path);
    if (known !== undefined) return known;
    const decoded = decodeText(await readFile(join(this.#directory, path)));
    const lines = new FieldLines(decoded.kind === 'text' ? decoded.text : '');
    this.#lines.set(path, lines);
    return lines;
  }
}
