import type { BackendClass } from '../../compile/plan.ts';
import { className } from './classes.ts';
import { keyArgument } from './encode.ts';
import { FILES } from './files.ts';

/**
 * One change of a running HAProxy. Names, keys and values come from the encoders (encode.ts); {@link printStep} is the only place
 * where a step becomes text.
 */
export type Step =
  | { readonly kind: 'add-backend'; readonly name: string; readonly class: BackendClass }
  | { readonly kind: 'publish-backend' | 'unpublish-backend' | 'delete-backend'; readonly name: string }
  | {
      readonly kind: 'add-server';
      /** `backend/server`, here and below. */
      readonly target: string;
      readonly address: string;
      readonly weight: string;
      /** Of `serverWords`. */
      readonly words: string;
    }
  | { readonly kind: 'enable-server' | 'disable-server' | 'delete-server'; readonly target: string }
  | { readonly kind: 'weigh-server'; readonly target: string; readonly weight: string }
  /** `key value`, one a line. */
  | { readonly kind: 'add-routes'; readonly map: string; readonly lines: readonly string[] }
  | { readonly kind: 'set-route'; readonly map: string; readonly key: string; readonly value: string }
  | { readonly kind: 'delete-route'; readonly map: string; readonly key: string }
  /** Entries of a map of data, which are never changed. */
  | { readonly kind: 'add-data'; readonly map: string; readonly lines: readonly string[] }
  | { readonly kind: 'delete-data'; readonly map: string; readonly key: string }
  /** Opens a new version of a map; what is filled in is not looked up before it is committed, all at once. */
  | { readonly kind: 'prepare-map'; readonly map: string }
  | { readonly kind: 'fill-map'; readonly map: string; readonly lines: readonly string[] }
  | { readonly kind: 'commit-map'; readonly map: string }
  | { readonly kind: 'new-authorities' | 'commit-authorities' | 'delete-authorities'; readonly file: string }
  | { readonly kind: 'set-authorities'; readonly file: string; readonly pem: readonly string[] }
  | { readonly kind: 'new-certificate' | 'commit-certificate' | 'delete-certificate'; readonly file: string }
  | { readonly kind: 'set-certificate'; readonly file: string; readonly pem: readonly string[] }
  | { readonly kind: 'list-certificate'; readonly file: string; readonly line: string }
  | { readonly kind: 'unlist-certificate'; readonly file: string };

/**
 * What a payload may hold if it can be cut: it then fits HAProxy's buffer of 16 KiB together with its command. Of a longer one
 * HAProxy 3.4 takes a few buffers at a time, and for a line of three buffers it waits for ever, with a thread that never rests.
 */
export const MAX_PAYLOAD_BYTES = 12_000;

/**
 * The text of a step on the runtime CLI, without its line end (management guide §9.3). `mapVersion` is what HAProxy answered to the
 * last `prepare-map`.
 */
export function printStep(step: Step, mapVersion: string): string {
  switch (step.kind) {
    case 'add-backend':
      return `add backend ${step.name} from ${className(step.class)}`;
    case 'publish-backend':
      return `publish backend ${step.name}`;
    case 'unpublish-backend':
      return `unpublish backend ${step.name}`;
    case 'delete-backend':
      return `del backend ${step.name}`;
    case 'add-server':
      return `add server ${step.target} ${step.address} weight ${step.weight}${step.words}`;
    case 'enable-server':
      return `enable server ${step.target}`;
    case 'disable-server':
      return `disable server ${step.target}`;
    case 'delete-server':
      return `del server ${step.target}`;
    case 'weigh-server':
      return `set server ${step.target} weight ${step.weight}`;
    case 'add-routes':
      return withPayload(`add map ${step.map}`, step.lines);
    case 'set-route':
      return `set map ${step.map} ${keyArgument(step.key)} ${step.value}`;
    case 'delete-route':
      return `del map ${step.map} ${keyArgument(step.key)}`;
    case 'add-data':
      return withPayload(`add map ${step.map}`, step.lines);
    case 'delete-data':
      return `del map ${step.map} ${step.key}`;
    case 'prepare-map':
      return `prepare map ${step.map}`;
    case 'fill-map':
      return withPayload(`add map @${mapVersion} ${step.map}`, step.lines);
    case 'commit-map':
      return `commit map @${mapVersion} ${step.map}`;
    case 'new-authorities':
      return `new ssl ca-file ${step.file}`;
    case 'set-authorities':
      return withPayload(`set ssl ca-file ${step.file}`, step.pem);
    case 'commit-authorities':
      return `commit ssl ca-file ${step.file}`;
    case 'delete-authorities':
      return `del ssl ca-file ${step.file}`;
    case 'new-certificate':
      return `new ssl cert ${step.file}`;
    case 'set-certificate':
      return withPayload(`set ssl cert ${step.file}`, step.pem);
    case 'commit-certificate':
      return `commit ssl cert ${step.file}`;
    case 'delete-certificate':
      return `del ssl cert ${step.file}`;
    case 'list-certificate':
      return withPayload(`add ssl crt-list ${FILES.certificates}`, [step.line]);
    case 'unlist-certificate':
      return `del ssl crt-list ${FILES.certificates} ${step.file}`;
  }
}

/** The empty line ends a payload. */
function withPayload(command: string, lines: readonly string[]): string {
  return `${command} <<\n${lines.join('\n')}\n`;
}

/** The three parts of a change: what comes, what leads to it, and what goes once nothing leads to it any more. */
export type Part = 'comes' | 'leads' | 'goes';

/** To which part a step belongs. What is in one part is sent only when HAProxy has confirmed the part before it. */
export function partOf({ kind }: Step): Part {
  switch (kind) {
    case 'add-backend':
    case 'publish-backend':
    case 'add-server':
    case 'enable-server':
    case 'weigh-server':
    case 'new-authorities':
    case 'set-authorities':
    case 'commit-authorities':
    case 'new-certificate':
    case 'set-certificate':
    case 'commit-certificate':
    case 'add-data':
      return 'comes';
    case 'prepare-map':
    case 'fill-map':
    case 'commit-map':
    case 'add-routes':
    case 'set-route':
    case 'delete-route':
    case 'list-certificate':
      return 'leads';
    case 'unlist-certificate':
    case 'delete-authorities':
    case 'delete-certificate':
    case 'unpublish-backend':
    case 'disable-server':
    case 'delete-server':
    case 'delete-backend':
    case 'delete-data':
      return 'goes';
  }
}

/** Steps by part, as a renderer of one kind of thing gives them. */
export type Rendered = Readonly<Record<Part, readonly Step[]>>;
