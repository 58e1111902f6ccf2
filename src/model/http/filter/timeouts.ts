/** How long a backend may take, in milliseconds; undefined: as the program has it (docs/reference/timeouts.md). */
export interface Timeouts {
  readonly type: 'Timeouts';
  /** For a connection to an endpoint. */
  readonly connectMs: number | undefined;
  /** Without anything sent by the endpoint, or taken by it. Of each try. */
  readonly serverMs: number | undefined;
  /** The same once the connection has become one for WebSockets. */
  readonly tunnelMs: number | undefined;
}

/** In the place of "for ever", which the engine has no value for: as long as it takes, 20 days. */
export const LONGEST_TIMEOUT_MS = 1_728_000_000;
