import { resolve } from 'node:path';
import { CachedFile } from '../lib/cached-file.ts';
import { isRecord } from '../lib/is-record.ts';
import { configFault } from './config-fault.ts';
import { fileMaxAgeMs, type Material } from './credentials.ts';

/** One mapping inside a kubeconfig, which knows where it stands so that every complaint can say so. */
export class Section {
  readonly where: string;
  readonly #dir: string;
  readonly #fields: Readonly<Record<string, unknown>>;

  constructor(where: string, dir: string, fields: Readonly<Record<string, unknown>>) {
    this.where = where;
    this.#dir = dir;
    this.#fields = fields;
  }

  fault(problem: string): Error {
    return configFault(`kubeconfig ${this.where} ${problem}`);
  }

  has(key: string): boolean {
    const value = this.#fields[key];
    return value !== undefined && value !== null && value !== '';
  }

  /** A string field; one that is empty counts as absent, as kubectl writes them. */
  text(key: string): string | undefined {
    if (!this.has(key)) return undefined;
    const value = this.#fields[key];
    if (typeof value !== 'string') throw this.fault(`has a ${key} that is not a string`);
    return value;
  }

  required(key: string): string {
    const value = this.text(key);
    if (value === undefined) throw this.fault(`has no ${key}`);
    return value;
  }

  flag(key: string): boolean {
    const value = this.#fields[key] ?? false;
    if (typeof value !== 'boolean') throw this.fault(`has a ${key} that is neither true nor false`);
    return value;
  }

  texts(key: string): readonly string[] {
    const value = this.#fields[key] ?? [];
    if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
      throw this.fault(`has ${key} that are not a list of strings`);
    }
    return value;
  }

  /** A list of `{name, value}`, as `env` is. */
  pairs(key: string): Readonly<Record<string, string>> {
    const pairs = this.#sections(key).map((pair) => [pair.required('name'), pair.text('value') ?? ''] as const);
    return Object.fromEntries(pairs);
  }

  section(key: string): Section | undefined {
    if (!this.has(key)) return undefined;
    const value = this.#fields[key];
    if (!isRecord(value)) throw this.fault(`has a ${key} that is not a mapping`);
    return new Section(`${this.where}.${key}`, this.#dir, value);
  }

  #sections(key: string): readonly Section[] {
    const value = this.#fields[key] ?? [];
    if (!Array.isArray(value) || !value.every(isRecord)) throw this.fault(`has ${key} that are not a list of mappings`);
    return value.map((item, index) => new Section(`${this.where}: ${key}[${index}]`, this.#dir, item));
  }

  /** What the list `key` holds under `name`, kubeconfig's way of writing a mapping; undefined where it holds nothing. */
  entry(key: string, name: string, content: string): Section | undefined {
    const found = this.#sections(key).find((item) => item.text('name') === name);
    return found?.section(content);
  }

  extension(name: string): unknown {
    const found = this.#sections('extensions').find((item) => item.text('name') === name);
    const extension = found?.section('extension');
    return extension === undefined ? undefined : extension.#fields;
  }

  /** Something that is written down in base64 under `dataKey` (which wins) or in the file under `fileKey`. */
  material(fileKey: string, dataKey: string | undefined): Material | undefined {
    const data = dataKey === undefined ? undefined : this.text(dataKey);
    if (data !== undefined) return { text: Buffer.from(data, 'base64').toString('utf8') };
    const file = this.text(fileKey);
    return file === undefined ? undefined : { file: new CachedFile(resolve(this.#dir, file), fileMaxAgeMs) };
  }

  /** The program of an exec plugin: found along PATH, unless it is written as a path. */
  command(): string {
    const command = this.required('command');
    return command.includes('/') ? resolve(this.#dir, command) : command;
  }
}
