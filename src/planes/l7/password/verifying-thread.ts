/** What runs on the threads of {@link VerifyingThreads}: one hash and one password, one answer. */
import { parentPort } from 'node:worker_threads';
import type { PasswordHash } from '../../../model/password-file.ts';
import { verifyPassword } from './verify-password.ts';

export interface VerifyRequest {
  readonly hash: PasswordHash;
  readonly password: Uint8Array;
}

// Null where this module is read by something else than a thread.
parentPort?.on('message', ({ hash, password }: VerifyRequest) =>
  parentPort?.postMessage(verifyPassword(hash, Buffer.from(password)), []),
);
