import type { BackendClass, BackendStages, RetryVariant } from '../../compile/plan.ts';
import { RETRY_ATTEMPTS } from '../../model/http/filter/retries.ts';
import { accessListRules, clientAddressRules } from './filter/access-list.ts';
import { affinityResponseRules, affinityRules } from './filter/affinity.ts';
import { basicAuthRules } from './filter/basic-auth.ts';
import { corsResponseRules, corsRules } from './filter/cors.ts';
import { externalAuthResponseRules, externalAuthRules } from './filter/external-auth.ts';
import { hashRules } from './filter/hash-by.ts';
import { requestHeaderRules, responseHeaderLookUp, responseHeaderRules } from './filter/header-modifier.ts';
import { bodyRules, connectionRules, rateRules } from './filter/limits.ts';
import { timeoutRules } from './filter/timeouts.ts';
import { urlRewriteRules } from './filter/url-rewrite.ts';
import { STAGE_RULES } from './stages.ts';

/** The name of the `defaults` that backends of a class come from. */
export function className(backendClass: BackendClass): string {
  const [stages, variant] = backendClass.split('-');
  // A class is its stages, and perhaps its retries behind a dash.
  return nameOf(CLASSES[stages as BackendStages], variant as RetryVariant | undefined);
}

function nameOf({ name }: ClassText, variant: RetryVariant | undefined): string {
  return variant === undefined ? name : `${name}-${variant}`;
}

interface ClassText {
  readonly name: string;
  readonly balance: string;
  /** In the order of the stages (README.md beside this file). */
  readonly rules: readonly string[];
}

const EDIT_RULES: readonly string[] = [
  ...urlRewriteRules,
  ...requestHeaderRules,
  ...responseHeaderLookUp,
  ...timeoutRules,
];

const GUARD_RULES: readonly string[] = [
  ...corsRules,
  ...clientAddressRules,
  ...accessListRules,
  ...rateRules,
  ...connectionRules,
  ...externalAuthRules,
  ...basicAuthRules,
  ...bodyRules,
];

const AFTER_GUARDS: readonly string[] = [
  ...EDIT_RULES,
  ...responseHeaderRules,
  ...corsResponseRules,
  ...externalAuthResponseRules,
];

const CLASSES: Readonly<Record<BackendStages, ClassText>> = {
  plain: { name: 'sluice-backend', balance: 'leastconn', rules: [] },
  edit: { name: 'sluice-edit', balance: 'leastconn', rules: [...STAGE_RULES, ...EDIT_RULES, ...responseHeaderRules] },
  full: { name: 'sluice-full', balance: 'leastconn', rules: [...STAGE_RULES, ...GUARD_RULES, ...AFTER_GUARDS] },
  sticky: {
    name: 'sluice-sticky',
    // A server more or less moves few clients. Without a key, as for a request that says OPTIONS, servers take turns.
    balance: 'hash var(txn.hash)\n    hash-type consistent',
    // A cookie, where there is one, goes before anything else that is alike.
    rules: [...STAGE_RULES, ...GUARD_RULES, ...hashRules, ...affinityRules, ...AFTER_GUARDS, ...affinityResponseRules],
  },
};

/** What retries cannot be but a part of a class. */
interface RetryText {
  readonly variant: RetryVariant | undefined;
  readonly attempts: number;
  readonly on: string;
}

const LOST = 'conn-failure empty-response';

const RETRIES: readonly RetryText[] = [
  { variant: undefined, attempts: 3, on: LOST },
  ...RETRY_ATTEMPTS.map((attempts): RetryText => ({ variant: `r${attempts}`, attempts, on: LOST })),
  ...RETRY_ATTEMPTS.map((attempts): RetryText => ({
    variant: `r${attempts}e`,
    attempts,
    on: `${LOST} 500 502 503 504`,
  })),
];

/** The `defaults` of every class: what every backend inherits by reference, those added at run time too. */
export function classSections(): string {
  return RETRIES.flatMap((retries) => Object.values(CLASSES).map((text) => classSection(text, retries))).join('\n');
}

function classSection(text: ClassText, { variant, attempts, on }: RetryText): string {
  return `defaults ${nameOf(text, variant)}
    mode http
    timeout connect 5s
    timeout server 60s
    timeout queue 5s
    timeout tunnel 1h
    balance ${text.balance}
    http-reuse safe
    # An endpoint that is gone before its EndpointSlice says so costs a retry on another one, not an error; and so does one that
    # closes an idle connection while a request is on its way to it.
    # Requests that may have had an effect are not sent twice (RFC 9110 §9.2.2).
    retries ${String(attempts)}
    option redispatch 1
    retry-on ${attempts === 0 ? 'none' : on}
    option use-small-buffers l7-retries
    http-request disable-l7-retry if { method POST PATCH }
${text.rules.map((rule) => `    ${rule}\n`).join('')}`;
}
