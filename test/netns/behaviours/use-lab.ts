import { afterAll, afterEach, beforeAll } from 'vitest';
import { chosenDriver } from '../driver.ts';
import { Lab, type LabOptions } from '../lab.ts';
import { ServiceFixture, type ServiceSpec } from '../objects.ts';

/** The lab of one test file, and the Services of the test that is running. */
export class LabOfFile {
  #lab: Lab | undefined;
  #made = new Map<string, ServiceFixture>();
  #count = 0;

  get lab(): Lab {
    if (this.#lab === undefined) throw new Error('the lab has not been started');
    return this.#lab;
  }

  /** A Service with a number of its own, which is gone after the test. It is not applied yet. */
  service(spec: Partial<ServiceSpec> = {}): ServiceFixture {
    this.#count += 1;
    const service = new ServiceFixture(this.#count, spec);
    this.#made.set(service.name, service);
    return service;
  }

  /** A Service that is there already. */
  async served(spec: Partial<ServiceSpec>): Promise<ServiceFixture> {
    const service = this.service(spec);
    await this.lab.apply(service);
    return service;
  }

  async start(options: LabOptions): Promise<void> {
    this.#lab = await Lab.start(chosenDriver(), options);
  }

  async clear(): Promise<void> {
    const made = [...this.#made.values()];
    this.#made = new Map();
    if (made.length > 0) await this.lab.remove(...made);
  }

  async stop(): Promise<void> {
    await this.#lab?.stop();
  }
}

/** Starts a lab before the tests of the file or of the block, and takes it down after them. */
export function useLab(options: LabOptions = {}): LabOfFile {
  const file = new LabOfFile();
  beforeAll(() => file.start(options));
  afterEach(() => file.clear());
  afterAll(() => file.stop());
  return file;
}
