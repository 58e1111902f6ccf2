/**
 * The Kubernetes HTTP API, as far as a program needs it that watches objects and writes status: auth,
 * list-watch, server-side apply, Events, leader election. It knows nothing of what the objects mean.
 *
 * Own code and not the official client, whose informer stops for good after one failed LIST or one
 * reset connection, asks for no bookmarks, and drops fields that it does not know.
 */
import type { Logger } from '../lib/logger.ts';
import { ApiFault } from './api-fault.ts';
import {
  applyObject,
  applyStatus,
  mergeStatus,
  type ApplyOptions,
  type MergeOptions,
  type ObjectFields,
  type WriteResult,
  type WriteTarget,
} from './apply.ts';
import type { KubeConfig } from './config.ts';
import { EventRecorder, type EventSource } from './events.ts';
import { Heartbeat, type HeartbeatOptions } from './heartbeat.ts';
import type { JsonStream } from './json-stream.ts';
import { LeaderElector, type LeaderElectorOptions } from './lease.ts';
import { list, type Listing, type Project } from './list.ts';
import { decodeObject, type RawObject } from './raw-object.ts';
import { Reflector, type ReflectorOptions } from './reflector.ts';
import { objectPath, type ObjectName, type Resource, type Selection } from './resource.ts';
import { SharedRetry } from './shared-retry.ts';
import { Transport, type ApiRequest, type ApiResponse, type StreamRequest } from './transport.ts';

export interface KubeClientOptions {
  readonly config: KubeConfig;
  readonly logger: Logger;
  /** Shows in the server's audit log: `name/version`. */
  readonly userAgent: string;
}

/**
 * One API server. Every method throws `ApiFault` when the server refuses, another `Fault` when it
 * cannot be reached or understood, and the signal's reason when the signal is aborted.
 */
export class KubeClient {
  readonly config: KubeConfig;
  readonly #logger: Logger;
  readonly #transport: Transport;
  readonly #retry = new SharedRetry();

  constructor({ config, logger, userAgent }: KubeClientOptions) {
    this.config = config;
    this.#logger = logger;
    this.#transport = new Transport(config, userAgent);
  }

  /** Any request; JSON in, JSON out. */
  request(request: ApiRequest): Promise<ApiResponse> {
    return this.#transport.request(request);
  }

  /** Any streamed answer: one JSON value per line. */
  stream(request: StreamRequest): Promise<JsonStream> {
    return this.#transport.stream(request);
  }

  /** One object. */
  async get(resource: Resource, object: ObjectName, signal?: AbortSignal): Promise<RawObject> {
    const { body } = await this.#transport.request({ method: 'GET', path: objectPath(resource, object), signal });
    return decodeObject(body, resource);
  }

  /** All objects of a selection, once. To follow them, {@link reflector}. */
  list<T>(selection: Selection, project: Project<T>, signal?: AbortSignal): Promise<Listing<T>> {
    return list(this.#transport, selection, project, signal);
  }

  /** Keeps a copy of a selection in step; nothing happens until its `run` is called. */
  reflector<T>(options: Omit<ReflectorOptions<T>, 'transport' | 'logger' | 'retry'>): Reflector<T> {
    return new Reflector({ ...options, transport: this.#transport, logger: this.#logger, retry: this.#retry });
  }

  /** Server-side apply of an object. */
  apply(target: WriteTarget, fields: ObjectFields, options: ApplyOptions): Promise<WriteResult> {
    return applyObject(this.#transport, target, fields, options);
  }

  /** Server-side apply of an object's status. */
  applyStatus(target: WriteTarget, status: unknown, options: ApplyOptions): Promise<WriteResult> {
    return applyStatus(this.#transport, target, status, options);
  }

  /** Merge patch of an object's status. */
  mergeStatus(target: WriteTarget, status: unknown, options: MergeOptions): Promise<WriteResult> {
    return mergeStatus(this.#transport, target, status, options);
  }

  /** Deletes one object, if it is still the one with this uid. One that is gone, or is another one by now, is no trouble. */
  async delete(resource: Resource, object: ObjectName, uid: string, signal: AbortSignal): Promise<void> {
    const path = objectPath(resource, object);
    try {
      await this.#transport.request({ method: 'DELETE', path, body: { preconditions: { uid } }, signal });
    } catch (thrown) {
      if (!(thrown instanceof ApiFault) || (thrown.status !== 404 && thrown.status !== 409)) throw thrown;
    }
  }

  /** Writes Events in the name of `source`. */
  eventRecorder(source: EventSource): EventRecorder {
    return new EventRecorder(this.#transport, source);
  }

  /** Stands for election; nothing happens until its `run` is called. */
  leaderElector(options: Omit<LeaderElectorOptions, 'transport' | 'logger'>): LeaderElector {
    return new LeaderElector({ ...options, transport: this.#transport, logger: this.#logger });
  }

  /** Says that this process is alive; nothing happens until its `run` is called. */
  heartbeat(options: Omit<HeartbeatOptions, 'transport' | 'logger'>): Heartbeat {
    return new Heartbeat({ ...options, transport: this.#transport, logger: this.#logger });
  }

  /** Closes every connection. Whatever still runs fails; stop it first. */
  close(): void {
    this.#transport.close();
  }
}
