import type { Resource } from '../../../src/kube/resource.ts';
import type { Json } from './stored-object.ts';

/** An answer other than yes. The wording is that of the real API server, because people and clients read it. */
export class Refusal extends Error {
  readonly status: number;
  readonly reason: string;
  readonly details: Json;
  readonly retryAfterSeconds: number | undefined;

  constructor(status: number, reason: string, message: string, details: Json = {}, retryAfterSeconds?: number) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.details = details;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** The `Status` object. */
  toJson(): Json {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      details: {
        ...this.details,
        ...(this.retryAfterSeconds !== undefined && { retryAfterSeconds: this.retryAfterSeconds }),
      },
      code: this.status,
    };
  }
}

const qualified = (resource: Resource): string =>
  resource.group === '' ? resource.plural : `${resource.plural}.${resource.group}`;

export function notFound(resource: Resource, name: string): Refusal {
  return new Refusal(404, 'NotFound', `${qualified(resource)} "${name}" not found`, {
    name,
    group: resource.group,
    kind: resource.plural,
  });
}

export function alreadyExists(resource: Resource, name: string): Refusal {
  return new Refusal(409, 'AlreadyExists', `${qualified(resource)} "${name}" already exists`);
}

export function conflict(resource: Resource, name: string, why: string): Refusal {
  return new Refusal(409, 'Conflict', `Operation cannot be fulfilled on ${qualified(resource)} "${name}": ${why}`);
}

/** @param problem `field: what is wrong with it` */
export function invalid(kind: string, name: string, problem: string): Refusal {
  const [field = '', ...message] = problem.split(': ');
  const causes = [{ reason: 'FieldValueInvalid', message: message.join(': '), field }];
  return new Refusal(422, 'Invalid', `${kind} "${name}" is invalid: ${problem}`, { name, causes });
}

export function badRequest(message: string): Refusal {
  return new Refusal(400, 'BadRequest', message);
}

export function expired(message: string): Refusal {
  return new Refusal(410, 'Expired', message);
}

export function unauthorized(): Refusal {
  return new Refusal(401, 'Unauthorized', 'Unauthorized');
}
