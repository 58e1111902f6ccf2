import type { Fault } from '../../lib/fault.ts';

/** One write to the status of one object. */
export interface StatusWrite {
  /** `namespace/name`. */
  readonly key: string;
  /** Of the object that was compared: an object of the same name but of another life is left alone. */
  readonly uid: string;
  /** Of the object that was compared, where the status is a list that several controllers share. */
  readonly resourceVersion?: string | undefined;
  /** All that our field manager says of the status; undefined takes back whatever it said before, and nothing that others say too. */
  readonly status: unknown;
  /** Annotations that go with it; those that are left out are taken back if they are ours. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

/** How the status of one kind of objects reaches the API server, in the name of one field manager. */
export interface StatusWriter<Seen> {
  readonly fieldManager: string;
  /**
   * Returns what the object shows after the write; undefined where it is not the object any more that was compared: the next
   * observation says what there is instead. @throws Fault
   */
  write(write: StatusWrite, signal: AbortSignal): Promise<Seen | undefined>;
  /** Whether a Fault says that the API server takes no writes for now, rather than that it refuses this one. */
  concernsAll(fault: Fault): boolean;
}
