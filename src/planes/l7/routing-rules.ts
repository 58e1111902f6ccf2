import { LOOP_HEADER, portOfHostRule } from './client-headers.ts';
import { FLAG, REDIRECT_BACKEND, REFUSAL_BACKEND } from './encode.ts';
import type { EngineSettings } from './engine-settings.ts';
import { IS_RESOLVED } from './path-resolution.ts';
import { FILES } from './files.ts';
import { corsResponseRules, corsRules } from './filter/cors.ts';
import { httpsRedirect } from './filter/https-redirect.ts';
import { redirectRules } from './filter/request-redirect.ts';
import { STAGE_RULES } from './stages.ts';

/**
 * How often a request may pass before it is taken for one that goes round for ever. More than once is usual: a service that asks
 * another one through the gateway passes its headers on.
 */
const MAX_PASSES = 10;

/** A frontend. `isInner`: of ports that Gateways have for themselves. */
export interface Place {
  readonly isTls: boolean;
  readonly isInner: boolean;
}

/** In front of every key of a port that a Gateway has for itself. */
const INNER = '%[so_name]|';

function lookUp(isInner: boolean): string {
  return `map_beg(${isInner ? FILES.entrances : FILES.routes})`;
}

/**
 * A connection whose TLS is that of one listener serves no other: browsers send requests for several hosts over one connection where the
 * certificate fits them all, and would pass by what the other listener asks of clients (RFC 9110 §15.5.20; GEP-3567). A host that no listener
 * has is not one of another listener.
 */
function misdirectedRules(): string {
  const differs = 'if { var(txn.shaken) -m found }';
  const isOther = '{ var(txn.by_host) -m found } !{ var(txn.by_name),strcmp(txn.by_host) eq 0 }';
  return `    http-request set-var(txn.asked) req.hdr(host),host_only,lower,rtrim(.) if { ssl_fc_has_sni }
    http-request set-var(txn.shaken) ssl_fc_sni,lower if { ssl_fc_has_sni } !{ ssl_fc_sni,lower,strcmp(txn.asked) eq 0 }
    http-request set-var-fmt(txn.name_key) "${INNER}%[var(txn.shaken),reverse_dom]#" ${differs}
    http-request set-var-fmt(txn.host_key) "${INNER}%[var(txn.asked),reverse_dom]#" ${differs}
    http-request set-var(txn.by_name) var(txn.name_key),map_beg(${FILES.listeners}) ${differs}
    http-request set-var(txn.by_host) var(txn.host_key),map_beg(${FILES.listeners}) ${differs}
${refuse('misdirected', `if { var(txn.shaken) -m found } ${isOther}`)}`;
}

/** What HAProxy refuses by itself whatever the route, with the reason that the access log gives. */
const REFUSALS = [
  { status: 400, reason: 'host-missing', text: 'the request names no host, or no path that can be resolved' },
  { status: 400, reason: 'path-invalid', text: 'the request names no host, or no path that can be resolved' },
  {
    status: 421,
    reason: 'misdirected',
    text: 'this host is for another connection: its TLS is that of another listener',
  },
  { status: 405, reason: 'method-not-allowed', text: 'CONNECT and TRACE are not for a gateway' },
  { status: 508, reason: 'loop-detected', text: 'the request came back too often' },
] as const;

/** Name of the backend that answers a refusal. A `-` right after `sluice` and no `_`: no BackendId can be equal. */
function refusalName(status: number): string {
  return `sluice-${String(status)}`;
}

/**
 * A path with escapes, dot segments or several slashes is looked up as backends resolve it: otherwise `/public/..%2fadmin` would pass the
 * rules of `/public` and reach what is behind those of `/admin`. The backend is given it as it came.
 *
 * Looks the route up; before anything is added to the request, so that what a rule asks of its headers is soon answered. The two
 * refusals replace what was found:
 *
 * CONNECT would open a tunnel to an endpoint that answers it, past all other rules. TRACE sends back what proxies have added
 * (nginx refuses both). A loop, such as an ExternalName that leads back here, would use up all connections.
 */
export function lookUpRules({ isTls, isInner }: Place): string {
  // A port of a Gateway stands in front of its keys: by its name, since its number is that which the client connected to.
  const found = isInner
    ? `    http-request set-var-fmt(txn.key) "${INNER}%[base]/#"
    http-request set-var(txn.route) var(txn.key),${lookUp(isInner)} if !{ var(txn.path) -m found }
`
    : `    http-request set-var(txn.route) "base,concat('/#'),${lookUp(isInner)}" if !{ var(txn.path) -m found }
`;
  return `    http-request set-var(txn.path) path,lua.sluice_path if ${IS_RESOLVED}
${found}${isTls && isInner ? misdirectedRules() : ''}${refuse('path-invalid', 'if { var(txn.path) -m found } !{ var(txn.path) -m len gt 0 }')}${refuse('method-not-allowed', 'if { method CONNECT TRACE }')}${refuse('loop-detected', `if { req.hdr_cnt(${LOOP_HEADER.name}) ge ${String(MAX_PASSES)} }`)}`;
}

function refuse(reason: (typeof REFUSALS)[number]['reason'], condition: string): string {
  const refusal = REFUSALS.find((one) => one.reason === reason);
  return refusal === undefined
    ? ''
    : `    http-request set-var(txn.route) str(${refusalName(refusal.status)}|${FLAG.none}||${reason}) ${condition}\n`;
}

/**
 * Finds the route of a request whose look-up missed. One that is written as usual and needs nothing more ends at `allow`: `base` is
 * Host and path together, and the sign for no flags stands between two bars. Every rule after that is for the others. The host is
 * folded to lower case without its port, then the wildcard above it is tried, then the longest one further above, then the entry for any host. A regular expression
 * belongs to the host that was found, so that it is matched with the key that found it. Where the host has other routes over HTTP than over
 * HTTPS, the key with the entrance in front finds the route.
 *
 * Without a Host, HTTP/1.0 gets the entry for any host; HTTP/1.1 is refused (RFC 9112 §3.2).
 */
export function routingRules(settings: EngineSettings, { isTls, isInner }: Place): string {
  const [inner, wildcards] = isInner ? [INNER, '%[so_name]'] : ['', ''];
  const LOOK_UP = lookUp(isInner);
  const missed = 'if !{ var(txn.route) -m found }';
  const noHost = '!{ var(txn.host) -m len gt 0 }';
  return `    http-request allow if { var(txn.route) -m sub |${FLAG.none}| }
${portOfHostRule(settings, missed)}    http-request set-var(txn.host) req.hdr(host),host_only,lower,rtrim(.) ${missed}
    http-request del-header x-forwarded-host ${missed} ${noHost} !{ req.hdr(x-forwarded-host) -m len gt 0 }
${refuse('host-missing', `${missed} ${noHost} !{ req.ver 1.0 }`)}    http-request set-var(txn.path) path ${missed} !{ var(txn.path) -m found }
    http-request set-var-fmt(txn.key) "${inner}%[var(txn.host)]%[var(txn.path)]/#" ${missed}
    http-request set-var(txn.route) var(txn.key),${LOOK_UP} ${missed}
    http-request set-var-fmt(txn.key) "${inner}*%[var(txn.host),regsub('^[^.]*','')]%[var(txn.path)]/#" ${missed}
    http-request set-var(txn.route) var(txn.key),${LOOK_UP} ${missed}
    http-request set-var-fmt(txn.wildcard) "${wildcards}*|%[var(txn.host),reverse_dom]" ${missed}
    http-request set-var(txn.parent) var(txn.wildcard),map_beg(${FILES.entrances}) ${missed} { var(txn.wildcard) -m found }
    http-request set-var-fmt(txn.key) "${inner}**.%[var(txn.parent)]%[var(txn.path)]/#" ${missed} { var(txn.parent) -m found }
    http-request set-var(txn.route) var(txn.key),${LOOK_UP} ${missed} { var(txn.parent) -m found }
    http-request set-var-fmt(txn.key) "${inner}*%[var(txn.path)]/#" ${missed}
    http-request set-var(txn.route) var(txn.key),${LOOK_UP} ${missed}
    http-request set-var(txn.route) str(${REFUSAL_BACKEND[404]}|${FLAG.none}||no-route) ${missed}
${isInner ? '' : splitRules(isTls)}    http-request set-var(txn.regex) "var(txn.key),regsub('/#',),map_reg(${FILES.regexes})" if { var(txn.route),field(2,|) -m sub ${FLAG.hostHasRegex} }
    http-request set-var(txn.route) var(txn.regex) if { var(txn.regex) -m found }
${conditionRules()}${isTls || isInner ? '' : redirectRule(settings)}${shareRules()}`;
}

/** Where the host has other routes over HTTP than over HTTPS, these stand in a map of their own. */
function splitRules(isTls: boolean): string {
  const isSplit = isFlagged(FLAG.split);
  return `    http-request set-var-fmt(txn.key) "%[req.hdr(host),host_only,lower]%[path]/#" if !{ var(txn.key) -m found } { var(txn.route),field(2,|) -m sub ${FLAG.hostHasRegex} ${FLAG.split} }
    http-request set-var-fmt(txn.key) "${isTls ? 'https' : 'http'}|%[var(txn.key)]" if ${isSplit}
    http-request set-var(txn.route) var(txn.key),map_beg(${FILES.entrances}) if ${isSplit}
`;
}

/** Replaces a route that leads to conditions by the candidate whose conditions the request fulfils, which `sluice.lua` finds. */
function conditionRules(): string {
  const wanted = isFlagged(FLAG.hasConditions);
  return String.raw`    http-request set-var-fmt(txn.request) "%[var(txn.route),field(5,|)]\n%[method] %[query]\n%[req.hdrs]" if ${wanted}
    http-request set-var(txn.chosen) var(txn.request),lua.sluice_choose if { var(txn.request) -m found }
    http-request set-var(txn.route) var(txn.chosen) if { var(txn.chosen) -m found } { var(txn.chosen) -m len gt 0 }
`;
}

/** Replaces a route that leads to shares by the one that a random number is for. */
function shareRules(): string {
  const wanted = isFlagged(FLAG.hasShares);
  return `    http-request set-var-fmt(txn.draw) "%[var(txn.route),field(5,|)]#%[rand,ipmask(32),hex]" if ${wanted}
    http-request set-var(txn.route) var(txn.draw),map_beg(${FILES.shares}) if { var(txn.draw) -m found }
`;
}

function isFlagged(flag: string): string {
  return `{ var(txn.route),field(2,|) -m sub ${flag} }`;
}

/** Hosts with TLS redirect plain HTTP, but never what a trusted balancer already took over HTTPS. */
function redirectRule(settings: EngineSettings): string {
  const port = settings.publicHttpsPort === 443 ? '' : `:${String(settings.publicHttpsPort)}`;
  const wanted = isFlagged(httpsRedirect.flag);
  // By now the header has one of two spellings, whatever a trusted proxy wrote, and none of a stranger's.
  const condition =
    settings.trustedProxies.length === 0 ? wanted : `${wanted} !{ req.hdr(x-forwarded-proto) -m str https }`;
  return `    http-request redirect code ${String(settings.httpsRedirectStatus ?? 308)} location "https://%[req.hdr(host),host_only]${port}%[pathq]" if ${condition}\n`;
}

/** The backends that answer what is refused. `backendClass` is the `defaults` that they come from. */
export function refusalBackends(backendClass: string): string {
  return [
    { status: 404, text: 'no route for this host and path' },
    { status: 500, text: 'the backend of this route cannot be had' },
    { status: 503, text: 'the backend of this route is not usable' },
    ...REFUSALS,
  ]
    .filter(({ status }, index, all) => all.findIndex((one) => one.status === status) === index)
    .map(({ status, text }) => {
      // A 405 has to say what is allowed (RFC 9110 §15.5.6).
      const allow = status === 405 ? ' hdr allow "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"' : '';
      return `backend ${refusalName(status)} from ${backendClass}
    http-request return status ${String(status)} content-type text/plain string "${String(status)}: ${text}\\n"${allow}
`;
    })
    .join('\n');
}

/** The backend for routes that redirect. A preflight is answered before: browsers follow no redirect of one. */
export function redirectBackend(backendClass: string): string {
  const rules = [...STAGE_RULES, ...corsRules, ...redirectRules, ...corsResponseRules].map((rule) => `    ${rule}\n`);
  return `backend ${REDIRECT_BACKEND} from ${backendClass}\n${rules.join('')}`;
}
