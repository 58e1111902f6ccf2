import type { Finding } from '../../src/model/finding.ts';
import type { FileNews } from '../../src/sources/manifests/file-reading.ts';
import { FolderReader, type LookReport } from '../../src/sources/manifests/folder-reader.ts';
import { Folder } from '../../src/sources/manifests/folder.ts';
import type { PlaceTable } from '../../src/sources/manifests/places.ts';
import { Store } from '../../src/sources/store.ts';

/** A Service in a document of its own. */
export function serviceDocument(name: string, port = 80): string {
  return `---\n{ apiVersion: v1, kind: Service, metadata: { name: ${name} }, spec: { ports: [{ port: ${String(port)} }] } }\n`;
}

/** A folder that is read and believed at once, on this thread. */
export class FolderScene {
  readonly store = new Store();
  readonly #reader: FolderReader;
  readonly #folder = new Folder();

  constructor(root: string) {
    this.#reader = new FolderReader(root);
  }

  /** One look at everything. What went is believed to be gone where nothing is unsettled. */
  look({ believesEmpty = true, believesGone = true } = {}): LookReport {
    let report: LookReport | undefined;
    for (const step of this.#reader.look({ names: 'all', believesEmpty })) {
      if (step.kind === 'news') this.#take(step.news);
      else report = step.report;
    }
    if (report === undefined) throw new Error('no report');
    this.#folder.setTroubles(report.troubles);
    this.commit();
    if (believesGone && report.unsettled === 0) this.#folder.expire(Infinity);
    this.commit();
    return report;
  }

  /** Looks until nothing is being written any more. */
  settled(): void {
    while (this.look().unsettled > 0);
  }

  commit(): void {
    const work = this.#folder.takeChanges();
    for (let step = work.next(); ; step = work.next()) if (step.done === true) return this.store.commit(step.value);
  }

  get keys(): string {
    return [...this.store.snapshot.services.values()]
      .map(({ meta }) => meta.name)
      .sort((a, b) => (a < b ? -1 : 1))
      .join(' ');
  }

  get ports(): string {
    return [...this.store.snapshot.services.values()]
      .map(({ meta, ports }) => `${meta.name}:${String(ports[0]?.port)}`)
      .sort((a, b) => (a < b ? -1 : 1))
      .join(' ');
  }

  get findings(): readonly Finding[] {
    return [...this.store.snapshot.findings.values()].flat();
  }

  get reasons(): readonly string[] {
    return [...this.store.snapshot.findings.entries()].flatMap(([key, list]) =>
      list.map(({ reason, field }) => `${key} ${reason} ${field}`.trim()),
    );
  }

  get places(): PlaceTable {
    return this.#folder.places();
  }

  #take(news: FileNews): void {
    if (news.kind === 'large')
      for (const part of this.#reader.readLarge(news.path, news.stamp, new Map())) this.#take(part);
    else Array.from(this.#folder.take(news, 0));
  }
}
