import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { STANDALONE_SETTINGS } from '../../src/app/check.ts';
import { findHaproxy } from '../../src/app/haproxy.ts';
import { addressRangesOf } from '../../src/app/flags/readers.ts';
import type { InnerPorts } from '../../src/compile/gateway/inner-ports.ts';
import { Compiler } from '../../src/compile/compiler.ts';
import { NO_NODE_FACTS } from '../../src/compile/settings.ts';
import { silentLogger } from '../../src/lib/logger.ts';
import type { EngineSettings } from '../../src/planes/l7/engine-settings.ts';
import { L7Plane, type ReloadReason } from '../../src/planes/l7/plane.ts';
import { selfSignedPem } from '../../src/planes/l7/self-signed.ts';
import { renderSkeleton } from '../../src/planes/l7/skeleton.ts';
import { Store } from '../../src/sources/store.ts';
import { changesOf } from '../golden/compile-manifest.ts';
import { freePort } from './lab.ts';

interface EnginePorts {
  readonly http: number;
  readonly https: number;
}

/** For a HAProxy on loopback that nothing but the caller uses. */
export function engineSettings(ports: EnginePorts, innerPorts?: InnerPorts): EngineSettings {
  return {
    bindAddresses: ['127.0.0.1'],
    httpPort: ports.http,
    httpsPort: ports.https,
    publicHttpsPort: 443,
    innerPorts,
    isHttp3: false,
    trustedProxies: [],
    proxyProtocolSources: [],
    hasAccessLog: false,
    threads: undefined,
    maxConnections: 1000,
    hardStopAfterS: 5,
    user: undefined,
  };
}

/** A real HAProxy driven by the L7 plane, without the program around it: for what the program's flags do not reach. */
export class Engine {
  readonly httpPort: number;
  readonly httpsPort: number;
  /** Why each process was started. */
  readonly starts: readonly ReloadReason[];
  readonly #folder: string;
  readonly #plane: L7Plane;
  readonly #store = new Store();
  readonly #compiler: Compiler;
  readonly #stop = new AbortController();

  private constructor(
    plane: L7Plane,
    folder: string,
    ports: EnginePorts,
    starts: readonly ReloadReason[],
    innerPorts: InnerPorts | undefined,
  ) {
    this.#compiler = new Compiler({
      ...STANDALONE_SETTINGS,
      innerPorts,
      addresses: { pool: addressRangesOf('192.0.2.0/24'), className: undefined, reportsMissingPools: true },
    });
    this.#plane = plane;
    this.#folder = folder;
    this.httpPort = ports.http;
    this.httpsPort = ports.https;
    this.starts = starts;
  }

  /**
   * `edit` is given the fixed part of the configuration; HAProxy starts with the first {@link apply}. With `innerPorts`, Gateways have addresses
   * of their own, which lead nowhere.
   */
  static async create(
    edit: (skeleton: string) => string = (skeleton) => skeleton,
    innerPorts?: InnerPorts,
  ): Promise<Engine> {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-engine-'));
    const ports = { http: await freePort(), https: await freePort() };
    const adminSocket = join(folder, 'admin.sock');
    const starts: ReloadReason[] = [];
    const plane = new L7Plane({
      paths: { haproxy: await findHaproxy(undefined, process.env), stateDirectory: folder, adminSocket },
      skeleton: (reserve) =>
        edit(
          renderSkeleton(
            engineSettings(ports, innerPorts),
            {
              admin: adminSocket,
              accessLog: 'sluice-engine',
              passwords: { name: 'sluice-engine-passwords', key: 'unused' },
              asked: 'sluice-engine-asked',
            },
            reserve,
          ),
        ),
      selfSignedPem: await selfSignedPem(folder),
      logger: silentLogger,
      passwords: { hold: () => undefined },
      onStart: (reason) => starts.push(reason),
      onRefused: () => {},
      keepsServing: false,
      drainMs: 1000,
    });
    return new Engine(plane, folder, ports, starts, innerPorts);
  }

  /** Puts the objects of a manifest into the plan, or takes them out of it. */
  async apply(manifest: string): Promise<void> {
    await this.#change(changesOf(manifest));
  }

  async remove(manifest: string): Promise<void> {
    await this.#change(changesOf(manifest).map((change) => ({ ...change, value: undefined })));
  }

  async stop(): Promise<void> {
    await this.#plane.release();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #change(changes: ReturnType<typeof changesOf>): Promise<void> {
    this.#store.commit(changes);
    await this.#plane.apply(
      this.#compiler.compile(this.#store.snapshot, { nowMs: 0, node: NO_NODE_FACTS }).l7,
      this.#stop.signal,
    );
  }
}
