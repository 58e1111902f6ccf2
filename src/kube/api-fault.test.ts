import { describe, expect, it } from 'vitest';
import { ApiFault, decodeStatus, type Denied } from './api-fault.ts';

/** What Kubernetes 1.36 answers, to the letter. */
const forbidden: readonly (readonly [name: string, message: string, denied: Denied | undefined])[] = [
  [
    'a list of the whole cluster',
    'ingresses.networking.k8s.io is forbidden: User "system:serviceaccount:sluice:sluice" cannot list resource "ingresses" in API group "networking.k8s.io" at the cluster scope',
    {
      user: 'system:serviceaccount:sluice:sluice',
      verb: 'list',
      resource: 'ingresses',
      group: 'networking.k8s.io',
      namespace: undefined,
    },
  ],
  [
    'an object of the core group in a namespace',
    'secrets "tls" is forbidden: User "ann" cannot get resource "secrets" in API group "" in the namespace "shop"',
    { user: 'ann', verb: 'get', resource: 'secrets', group: '', namespace: 'shop' },
  ],
  [
    'a subresource, with a hint of the authorizer behind it',
    'ingresses.networking.k8s.io "web" is forbidden: User "ann" cannot patch resource "ingresses/status" in API group "networking.k8s.io" in the namespace "shop": RBAC: clusterrole.rbac.authorization.k8s.io "x" not found',
    { user: 'ann', verb: 'patch', resource: 'ingresses/status', group: 'networking.k8s.io', namespace: 'shop' },
  ],
  [
    'an admission plug-in, which denies no verb',
    'configmaps "x" is forbidden: unable to create new content in namespace gone because it is being terminated',
    undefined,
  ],
];

describe('ApiFault', () => {
  it.each(forbidden)('reads what was denied: %s', (_name, message, denied) => {
    const status = decodeStatus(403, { kind: 'Status', reason: 'Forbidden', message, code: 403 });
    const fault = new ApiFault('GET /x', status);
    expect(fault.denied).toEqual(denied);
    expect(fault.code).toBe('kube-http-403');
    expect(fault.message).toContain(message);
    expect(fault.retryable).toBe(true);
  });

  it.each([
    [400, false],
    [401, true],
    [404, true],
    [409, true],
    [410, true],
    [422, false],
    [429, true],
    [500, true],
  ])('%i may be tried again: %s', (status, retryable) => {
    expect(new ApiFault('GET /x', decodeStatus(status, undefined)).retryable).toBe(retryable);
  });
});

describe('decodeStatus', () => {
  it('takes the delay from the header, or else from the object', () => {
    const body = { kind: 'Status', details: { retryAfterSeconds: 3 } };
    expect(decodeStatus(429, body, '7').retryAfterMs).toBe(7000);
    expect(decodeStatus(429, body).retryAfterMs).toBe(3000);
    expect(decodeStatus(429, body, 'Wed, 21 Oct 2026 07:28:00 GMT').retryAfterMs).toBe(3000);
    expect(decodeStatus(429, undefined, '0').retryAfterMs).toBeUndefined();
    expect(decodeStatus(429, undefined).retryAfterMs).toBeUndefined();
  });

  it('takes the code of an ERROR event from the object', () => {
    expect(decodeStatus(undefined, { kind: 'Status', code: 410, reason: 'Expired', message: 'too old' })).toMatchObject(
      {
        status: 410,
        reason: 'Expired',
        message: 'too old',
      },
    );
    expect(decodeStatus(undefined, {}).status).toBe(500);
  });

  it('shortens what a proxy put in its place', () => {
    const page = `<html>\n${'x'.repeat(1000)}</html>`;
    expect(decodeStatus(502, page).message).toMatch(/^<html> x{193}…$/);
  });

  it('keeps the causes', () => {
    const details = {
      causes: [{ reason: 'FieldManagerConflict', message: 'conflict with "m"', field: '.spec.x' }, 'odd'],
    };
    expect(decodeStatus(409, { kind: 'Status', details }).causes).toEqual([
      { reason: 'FieldManagerConflict', message: 'conflict with "m"', field: '.spec.x' },
      { reason: '', message: '', field: '' },
    ]);
  });
});
