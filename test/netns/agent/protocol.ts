/** What a test says to the process that it keeps in each network namespace, and what that answers. */

export interface Target {
  readonly protocol: 'TCP' | 'UDP';
  readonly address: string;
  readonly port: number;
}

/** Serves on these addresses under a name: a greeting with that name and the client's address, then an echo. */
export interface ServeCommand {
  readonly kind: 'serve';
  readonly name: string;
  readonly addresses: readonly string[];
  readonly port: number;
}

/** Stops serving on a port; connections that are open stay open. */
export interface UnserveCommand {
  readonly kind: 'unserve';
  readonly port: number;
}

/** Connects anew `count` times, and hears who answers. */
export interface ProbeCommand {
  readonly kind: 'probe';
  readonly target: Target;
  readonly count: number;
  /** How long nobody may answer before that counts as silence. */
  readonly patienceMs: number;
  /** The source port of every probe, which then come one after another. Default: never the same one twice. */
  readonly localPort?: number | undefined;
  /** What is sent after the greeting, in bytes; the echo of all of it is waited for. TCP only. */
  readonly payloadBytes?: number | undefined;
}

export type Reply =
  | { readonly kind: 'answered'; readonly by: string; readonly client: string }
  | { readonly kind: 'refused' }
  | { readonly kind: 'silent' }
  /** EPERM: this machine's own rules rejected or dropped a datagram; the kernel tells its sender the same for both. */
  | { readonly kind: 'denied' }
  | { readonly kind: 'failed'; readonly code: string };

/** Connects without pause, `width` at a time, each target in turn. */
export interface StartLoadCommand {
  readonly kind: 'start-load';
  readonly load: string;
  readonly targets: readonly Target[];
  readonly width: number;
}

/** Ends a load when it has made at least so many connects. */
export interface StopLoadCommand {
  readonly kind: 'stop-load';
  readonly load: string;
  readonly atLeast: number;
}

export interface LoadReport {
  readonly connects: number;
  /** The first of the failures, for people. */
  readonly failures: readonly string[];
  readonly failed: number;
}

/** Opens a connection that stays. */
export interface OpenCommand {
  readonly kind: 'open';
  readonly connection: string;
  readonly target: Target;
}

/** Sends a word over an open connection and returns what comes back; `undefined` when the connection is dead. */
export interface SayCommand {
  readonly kind: 'say';
  readonly connection: string;
  readonly word: string;
}

export interface HttpCommand {
  readonly kind: 'http';
  readonly url: string;
}

export interface HttpReply {
  /** 0: nobody answered. */
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Passes TCP connections to 127.0.0.1:`port` of this namespace on to a Unix socket, which all namespaces share. */
export interface RelayCommand {
  readonly kind: 'relay';
  readonly port: number;
  readonly socket: string;
}

export interface Results {
  readonly serve: undefined;
  readonly unserve: undefined;
  readonly probe: readonly Reply[];
  readonly 'start-load': undefined;
  readonly 'stop-load': LoadReport;
  readonly open: Reply;
  readonly say: string | undefined;
  readonly http: HttpReply;
  readonly relay: undefined;
}

export type Command =
  | ServeCommand
  | UnserveCommand
  | ProbeCommand
  | StartLoadCommand
  | StopLoadCommand
  | OpenCommand
  | SayCommand
  | HttpCommand
  | RelayCommand;

export interface Request {
  readonly id: number;
  readonly command: Command;
}

export type Response =
  { readonly id: number; readonly result: Results[Command['kind']] } | { readonly id: number; readonly error: string };
