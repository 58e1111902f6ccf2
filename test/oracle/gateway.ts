import { STANDALONE_SETTINGS } from '../../src/app/check.ts';
import { Compiler } from '../../src/compile/compiler.ts';
import { NO_NODE_FACTS, type CompileSettings } from '../../src/compile/settings.ts';
import { ipAddressOf } from '../../src/model/grammar.ts';
import { admitObject } from '../../src/sources/admit/admit.ts';
import { EVERYTHING_READ, type Change } from '../../src/sources/change.ts';
import { Store } from '../../src/sources/store.ts';
import { EngineWorld } from '../traffic/engine-world.ts';
import type { RawObject } from './case.ts';
import { ECHO_ADDRESS, type Ports } from './normal-form.ts';

/** As the one that the cases were recorded from was run. */
const SETTINGS: CompileSettings = {
  ...STANDALONE_SETTINGS,
  mode: 'cluster',
  ingressClass: 'nginx',
  isIngressClassExplicit: true,
  controllerClass: 'k8s.io/ingress-nginx',
  compat: 'strict-nginx',
  configMap: 'ingress-nginx/ingress-nginx-controller',
};

/**
 * Sluice from admission to HAProxy in one process, so that a case begins as soon as the one before it has ended: each has a Store and a
 * compiler of its own, and HAProxy is brought from one plan to the next at run time.
 */
export class Gateway {
  readonly #world: EngineWorld;
  #store = new Store();
  #compiler = new Compiler(SETTINGS);

  private constructor(world: EngineWorld) {
    this.#world = world;
  }

  static async start(): Promise<Gateway> {
    return new Gateway(await EngineWorld.create());
  }

  get ports(): Ports {
    return this.#world.ports;
  }

  /** Why HAProxy was started, in order. */
  get starts(): readonly string[] {
    return this.#world.starts;
  }

  /** Forgets every object and serves these. */
  async serve(objects: readonly RawObject[]): Promise<void> {
    this.#store = new Store();
    this.#compiler = new Compiler(SETTINGS);
    await this.change(objects, []);
  }

  /** Puts objects, and deletes others. */
  async change(objects: readonly RawObject[], deleted: readonly RawObject[]): Promise<void> {
    const changes = objects.flatMap(changesOf);
    const gone = deleted.flatMap(changesOf).map((change) => ({ ...change, value: undefined }));
    this.#store.commit([...EVERYTHING_READ, ...gone, ...changes]);
    const facts = { nowMs: Date.now(), node: NO_NODE_FACTS };
    await this.#world.plane.apply(this.#compiler.compile(this.#store.snapshot, facts).l7, new AbortController().signal);
  }

  async stop(): Promise<void> {
    await this.#world.plane.release();
    await this.#world.close();
  }
}

/** What the program makes of an object, and the address that a name server would give the name in it. */
function changesOf(object: RawObject): readonly Change[] {
  const change = admitObject(object)?.change;
  if (change === undefined) return [];
  const name = change.table === 'services' ? change.value?.externalName : undefined;
  if (name === undefined) return [change];
  const address = /\.(?:echo\.test|svc\.cluster\.local)$/.test(name) ? ipAddressOf(ECHO_ADDRESS) : undefined;
  const addresses = address === undefined ? [] : [address];
  return [change, { table: 'resolvedNames', key: name, value: { addresses } }];
}
