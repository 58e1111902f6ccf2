import type { KubeClient } from '../../kube/client.ts';
import type { ReflectionConsumer, ReflectionTimings } from '../../kube/reflection.ts';
import { crash } from '../../lib/crash.ts';
import type { Admission } from '../admit/admit.ts';
import type { KindSelection } from './interest.ts';
import { Mirror } from './mirror.ts';

/** How selections of objects are followed. */
export interface FollowOptions {
  readonly client: KubeClient;
  /** The patience of the reflectors; tests shorten it. */
  readonly timings?: Partial<ReflectionTimings> | undefined;
  /** Until this is aborted. */
  readonly signal: AbortSignal;
}

/** A selection that is being followed. */
export interface Following {
  readonly stop: () => void;
  /** Resolves when its connection is closed. */
  readonly ended: Promise<void>;
}

/** Follows a selection; what `consumer` throws is a bug, and ends the program. */
export function follow(
  { client, timings, signal }: FollowOptions,
  selection: KindSelection,
  isRequired: boolean,
  consumer: ReflectionConsumer<Admission>,
): Following {
  const reflector = client.reflector({ selection, project: Mirror.project, consumer, isRequired, timings });
  const stop = new AbortController();
  const ended = reflector.run(AbortSignal.any([stop.signal, signal]));
  // A reflector handles every Fault itself; of objects that are wanted for a while nobody waits for the end.
  ended.catch(crash);
  return { stop: () => stop.abort(), ended };
}
