import { readFile } from 'node:fs/promises';
import { delimiter, dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { messageOf } from '../lib/fault.ts';
import { isRecord } from '../lib/is-record.ts';
import { configFault } from './config-fault.ts';
import { Section } from './kubeconfig-section.ts';

/**
 * Kubeconfig files put together as kubectl does: of each cluster, user and context the first file that has it counts, whole; so does
 * the first `current-context`. Relative paths are relative to the file that they stand in.
 */
export interface KubeconfigFiles {
  /** @throws Fault `kube-config` where no file sets it */
  currentContext(): string;
  /** What the list `key` holds under `name`. @throws Fault `kube-config` where no file has it */
  entry(key: string, name: string, content: string): Section;
}

/**
 * @param paths separated as in `PATH`. Of several, those that are not there are passed over.
 * @throws Fault `kube-config` for one that cannot be read, and where there is none at all
 */
export async function readKubeconfigFiles(paths: string): Promise<KubeconfigFiles> {
  const names = [...new Set(paths.split(delimiter).filter((path) => path !== ''))];
  const roots: Section[] = [];
  for (const path of names) {
    const fields = await parse(path, names.length > 1);
    if (fields !== undefined) roots.push(new Section(path, dirname(resolve(path)), fields));
  }
  if (roots.length === 0) throw configFault(`none of the kubeconfig files ${paths} is there`);
  return new MergedFiles(paths, roots);
}

class MergedFiles implements KubeconfigFiles {
  readonly #paths: string;
  readonly #roots: readonly Section[];

  constructor(paths: string, roots: readonly Section[]) {
    this.#paths = paths;
    this.#roots = roots;
  }

  currentContext(): string {
    for (const root of this.#roots) {
      const name = root.text('current-context');
      if (name !== undefined) return name;
    }
    throw this.#fault('has no current-context; set one with "kubectl config use-context NAME"');
  }

  entry(key: string, name: string, content: string): Section {
    for (const root of this.#roots) {
      const found = root.entry(key, name, content);
      if (found !== undefined) return found;
    }
    throw this.#fault(`has no ${content} ${JSON.stringify(name)} in its ${key}`);
  }

  #fault(problem: string): Error {
    return configFault(`kubeconfig ${this.#paths} ${problem}`);
  }
}

async function parse(path: string, mayBeMissing: boolean): Promise<Readonly<Record<string, unknown>> | undefined> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (isMissing && mayBeMissing) return undefined;
    throw configFault(`the kubeconfig ${path} cannot be read: ${messageOf(error)}`, error);
  }
  const document = parseDocument(text);
  const [error] = document.errors;
  if (error !== undefined) throw configFault(`the kubeconfig ${path} is not YAML: ${error.message}`, error);
  const value: unknown = document.toJS();
  // As kubectl leaves one behind when it deletes the last entry of several files.
  if (value === null && mayBeMissing) return {};
  if (!isRecord(value)) throw configFault(`the kubeconfig ${path} is empty or not a mapping`);
  return value;
}
