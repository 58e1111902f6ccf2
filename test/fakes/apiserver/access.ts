import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import { Refusal, unauthorized } from './refusal.ts';

/** What a user may do, in the shape of an RBAC rule; `*` stands for anything. */
export interface AccessRule {
  readonly verbs: readonly string[];
  readonly groups: readonly string[];
  /** With subresources: `ingresses/status`. */
  readonly resources: readonly string[];
}

/** What a request wants to do. */
export interface Attributes {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly namespace: string | undefined;
  readonly name: string | undefined;
}

export const everything: readonly AccessRule[] = [{ verbs: ['*'], groups: ['*'], resources: ['*'] }];

/** Who is who, and who may do what. */
export class Access {
  readonly #users = new Map<string, string>();
  readonly #rules = new Map<string, readonly AccessRule[]>();

  /** From now on `token` means `user`. */
  issue(token: string, user: string): void {
    this.#users.set(token, user);
  }

  /** From now on `token` means nobody. */
  expire(token: string): void {
    this.#users.delete(token);
  }

  /** Replaces what `user` may do. */
  allow(user: string, rules: readonly AccessRule[]): void {
    this.#rules.set(user, rules);
  }

  /** @throws Refusal 401 */
  authenticate(request: IncomingMessage): string {
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token !== undefined) {
      const user = this.#users.get(token);
      if (user === undefined) throw unauthorized();
      return user;
    }
    const { socket } = request;
    if (socket instanceof TLSSocket && socket.authorized) {
      const { CN } = socket.getPeerCertificate().subject;
      if (typeof CN === 'string') return CN;
    }
    return 'system:anonymous';
  }

  /** @throws Refusal 403, in the words of the real authorizer */
  authorize(user: string, wanted: Attributes): void {
    const rules = this.#rules.get(user) ?? [];
    const covers = (allowed: readonly string[], value: string): boolean =>
      allowed.includes('*') || allowed.includes(value);
    const isAllowed = rules.some(
      ({ verbs, groups, resources }) =>
        covers(verbs, wanted.verb) && covers(groups, wanted.group) && covers(resources, wanted.resource),
    );
    if (isAllowed) return;
    const qualified = wanted.group === '' ? wanted.resource : `${wanted.resource}.${wanted.group}`;
    const object = wanted.name === undefined ? qualified : `${qualified} "${wanted.name}"`;
    const scope = wanted.namespace === undefined ? 'at the cluster scope' : `in the namespace "${wanted.namespace}"`;
    throw new Refusal(
      403,
      'Forbidden',
      `${object} is forbidden: User "${user}" cannot ${wanted.verb} resource "${wanted.resource}" in API group "${wanted.group}" ${scope}`,
      { name: wanted.name, group: wanted.group, kind: wanted.resource },
    );
  }
}
