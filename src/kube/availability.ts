import type { Fault } from '../lib/fault.ts';
import { ApiFault } from './api-fault.ts';
import { unreachable, untrusted } from './connection-fault.ts';

/**
 * Whether a Fault says that the API server takes no requests of ours for now, whatever they are about: nobody answers, or the answer is
 * that we are unknown (401), too many (429), or that it is not ready (503). Anything else may be about one object: a time-out may come of
 * an admission webhook that is asked about it, and a 403 of the namespace that it is in.
 */
export function takesNoRequests(fault: Fault): boolean {
  if (fault instanceof ApiFault) return [401, 429, 503].includes(fault.status);
  return fault.code === unreachable || fault.code === untrusted;
}
