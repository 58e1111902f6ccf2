import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findHaproxy } from '../../src/app/haproxy.ts';
import { pathRegexOf } from '../../src/model/path-regex.ts';
import { regexKey } from '../../src/planes/l7/encode.ts';
import { makeCertificate } from './certificate.ts';
import { Backend, Lab } from './lab.ts';
import { ingress, service, tlsSecret } from './manifest.ts';

const haproxy = await findHaproxy(undefined, process.env);

/** An Ingress whose paths are regular expressions. */
function regexIngress(name: string, host: string, paths: Readonly<Record<string, string>>): string {
  const entries = Object.entries(paths).map(
    ([path, target]) =>
      `          - { path: '${path}', pathType: ImplementationSpecific, backend: { service: { name: ${target}, port: { number: 80 } } } }\n`,
  );
  return `apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: ${name}, annotations: { nginx.ingress.kubernetes.io/use-regex: "true" } }
spec:
  rules:
    - ${host === '' ? '' : `host: "${host}"\n      `}http:
        paths:
${entries.join('')}---
`;
}

/** A certificate with a key that OpenSSL finds too short. */
function weakCertificate(): { readonly certificate: string; readonly key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-weak-'));
  try {
    const [key, certificate] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
    const subject = ['-subj', '/CN=weak.test', '-addext', 'subjectAltName=DNS:weak.test'];
    const files = ['-keyout', key, '-out', certificate];
    execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:1024', '-nodes', '-days', '3', ...subject, ...files], {
      stdio: 'ignore',
    });
    return { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Pieces of regular expressions, of which PCRE and JavaScript make different things in places. */
const REGEX_PIECES = String.raw`/ a b . .* + ? * | ( ) (?: (?= (?! [ ] [^ [a-z] [^/] [0-9]+ [[:alpha:]] [:digit:] [. .] [= =] [a-z- [-a _] -_ - \d \w \S \b \. \- \x41 \n {2} {3,} {1,9} {1000} {,5} { } ^ $ ] \] [\d-] [-a] # " ' ; &`;

describe('regular expressions', () => {
  it('are none that PCRE refuses, since HAProxy would not start then', () => {
    const some = fc.array(fc.constantFrom(...REGEX_PIECES.split(' ')), { minLength: 1, maxLength: 9 });
    const regexes = fc.sample(some, 60_000).flatMap((pieces) => {
      const found = pathRegexOf(pieces.join(''));
      return 'regex' in found ? [found.regex] : [];
    });
    expect(regexes.length).toBeGreaterThan(3_000);
    const folder = mkdtempSync(join(tmpdir(), 'sluice-regexes-'));
    try {
      writeFileSync(join(folder, 'r.map'), regexes.map((regex) => `${regexKey('a.test', regex)} value\n`).join(''));
      const config =
        'defaults\n mode http\n timeout client 5s\nfrontend f\n bind 127.0.0.1:1\n http-request set-var(txn.x) path,map_reg(r.map)\n';
      writeFileSync(join(folder, 'h.cfg'), config);
      const { stdout, stderr, status } = spawnSync(haproxy, ['-c', '-f', 'h.cfg'], { cwd: folder, encoding: 'utf8' });
      expect({ status, said: `${stdout}${stderr}`.match(/regular expression.*|ALERT.*/g) }).toEqual({
        status: 0,
        said: null,
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

describe('strings that HAProxy could take for more than strings', () => {
  let one: Backend;
  let two: Backend;
  let lab: Lab;

  beforeAll(async () => {
    one = await Backend.start('one');
    two = await Backend.start('two');
    lab = await Lab.create({
      'services.yaml': service('one', [one.port]) + service('two', [two.port]),
      'steady.yaml': ingress('steady', 'steady.test', { '/': 'one' }),
    });
  });

  afterAll(async () => {
    await lab.stop();
    await one.stop();
    await two.stop();
  });

  async function nameAt(url: string): Promise<string> {
    const { status, body } = await lab.get(url);
    return status === 200 ? (/"name":"(\w+)"/.exec(body)?.[1] ?? body) : String(status);
  }

  async function untilName(url: string, name: string): Promise<void> {
    await lab.until(`${url} to be answered by ${name}`, async () => (await nameAt(url)) === name);
  }

  it('routes paths with a semicolon, and changes and removes them without a reload', async () => {
    await lab.write('semicolon.yaml', ingress('semicolon', 'semicolon.test', { '=/a;b': 'one', '/c;d': 'one' }));
    await untilName('http://semicolon.test/a;b', 'one');
    await untilName('http://semicolon.test/c;d/e', 'one');
    await lab.write('semicolon.yaml', ingress('semicolon', 'semicolon.test', { '=/a;b': 'two', '/x': 'one' }));
    await untilName('http://semicolon.test/a;b', 'two');
    await untilName('http://semicolon.test/c;d/e', '404');
    await lab.remove('semicolon.yaml');
    await untilName('http://semicolon.test/a;b', '404');
    expect(await lab.reloads()).toBe(0);
  });

  it('keeps regular expressions to the host that they are written for', async () => {
    await lab.write('own.yaml', regexIngress('own', 'own.test', { '/[a-z]+': 'one', '/$': 'one' }));
    const greedy = { '/x|^own\\.test/.*|.*longer.than.any.other': 'two' };
    await lab.write('greedy.yaml', regexIngress('greedy', 'greedy.test', greedy));
    await untilName('http://own.test/abc', 'one');
    await untilName('http://own.test/', 'one');
    await untilName('http://greedy.test/x', 'two');
    expect(await nameAt('http://own.test/abc')).toBe('one');
    expect(await nameAt('http://own.test/123')).toBe('404');
  });

  it('matches regular expressions of wildcard hosts and of every host, each only where that host was found', async () => {
    await lab.write('wild.yaml', regexIngress('wild', '*.wild.test', { '/v[0-9]+$': 'one' }));
    await lab.write('exact.yaml', regexIngress('exact', 'exact.wild.test', { '/e[0-9]+$': 'two' }));
    await lab.write('every.yaml', regexIngress('every', '', { '/any[0-9]+$': 'two' }));
    await untilName('http://a.wild.test/v1', 'one');
    await untilName('http://exact.wild.test/e1', 'two');
    await untilName('http://nobody.test/any1', 'two');
    expect(await nameAt('http://EXACT.wild.test:8080/e1')).toBe('two');
    expect(await nameAt('http://a.wild.test/v1/more')).toBe('404');
    expect(await nameAt('http://exact.wild.test/v1')).toBe('404');
    expect(await nameAt('http://a.wild.test/any1')).toBe('404');
    expect(await nameAt('http://nobody.test/any')).toBe('404');
  });

  it('serves everything else beside a certificate that HAProxy refuses, and beside names of any length', async () => {
    const long = `${'a'.repeat(63)}.`.repeat(3) + 'a'.repeat(61);
    await lab.write(
      'weak.yaml',
      tlsSecret('weak', weakCertificate()) + ingress('weak', 'weak.test', { '/': 'one' }, 'weak'),
    );
    await lab.write(
      'long.yaml',
      tlsSecret(long, makeCertificate('long', [`${long.slice(0, 200)}.test`])) +
        ingress(long, `${long.slice(0, 200)}.test`, { '/': 'one' }, long),
    );
    await lab.until('both', async () => (await lab.get(`https://${long.slice(0, 200)}.test/`)).certificate === 'long');
    await lab.until('the weak', async () => (await lab.get('https://weak.test/')).status === 200);
    expect((await lab.api('/api/v1/findings')).body).toContain('CertificateTooWeak');
    expect(await lab.reloads()).toBe(0);
    await lab.signal('SIGTERM');
    await lab.start();
    expect((await lab.get(`https://${long.slice(0, 200)}.test/`)).certificate).toBe('long');
    expect(await nameAt('http://steady.test/')).toBe('one');
  });
});
