import { execFileSync } from 'node:child_process';
import type { ImageConfig } from './oci-config.ts';

interface Inspected {
  readonly OCIv1: {
    readonly config: {
      readonly User?: string;
      readonly Env?: readonly string[];
      readonly Entrypoint?: readonly string[];
      readonly WorkingDir?: string;
    };
  };
}

/** An image of the local store, mounted. */
export class Image {
  readonly config: ImageConfig;
  /** The folder with its files. */
  readonly root: string;
  readonly #working: string;

  /** @throws Error when Buildah has no such image */
  constructor(name: string) {
    const { OCIv1 } = JSON.parse(buildah('inspect', '--type', 'image', name)) as Inspected;
    const [uid = '', gid = ''] = (OCIv1.config.User ?? '').split(':');
    this.config = {
      user: { uid: Number(uid), gid: Number(gid) },
      env: OCIv1.config.Env ?? [],
      entrypoint: OCIv1.config.Entrypoint ?? [],
      workingDirectory: OCIv1.config.WorkingDir ?? '/',
    };
    this.#working = buildah('from', '--pull=never', name);
    this.root = buildah('mount', this.#working);
  }

  remove(): void {
    buildah('rm', this.#working);
  }
}

function buildah(...args: readonly string[]): string {
  return execFileSync('buildah', args, { encoding: 'utf8', maxBuffer: 2 ** 24 }).trim();
}
