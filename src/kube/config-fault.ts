import { Fault } from '../lib/fault.ts';

/** Code of the Fault for a configuration that cannot work until a person changes it. */
export const badConfig = 'kube-config';

/** A Fault that only a person can mend. */
export function configFault(message: string, cause?: unknown): Fault {
  return new Fault(badConfig, message, { cause, retryable: false });
}
