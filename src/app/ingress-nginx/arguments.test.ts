import { describe, expect, it } from 'vitest';
import { ARGUMENT_ROWS } from './argument-rows.ts';
import { ourFlag, readArguments } from './arguments.ts';

/** What becomes of each argument, in one word and its text. */
function verdictsOf(...words: readonly string[]): readonly string[] {
  return readArguments(words).arguments.map(({ verdict, text }) => `${verdict}: ${text}`);
}

describe('the rows', () => {
  it('have a name each, and lead to flags of ours', () => {
    expect(new Set(ARGUMENT_ROWS.map(({ name }) => name)).size).toBe(ARGUMENT_ROWS.length);
    for (const { meaning } of ARGUMENT_ROWS) if (meaning.kind === 'mapped') expect(ourFlag(meaning.to)).toBeDefined();
  });
});

describe('the arguments of ingress-nginx', () => {
  it('are those of the Deployment that its Helm chart makes', () => {
    const { arguments: read, environment } = readArguments([
      '/nginx-ingress-controller',
      '--publish-service=ingress-nginx/ingress-nginx-controller',
      '--election-id=ingress-nginx-leader',
      '--controller-class=k8s.io/ingress-nginx',
      '--ingress-class=nginx',
      '--validating-webhook=:8443',
      '--validating-webhook-certificate=/usr/local/certificates/cert',
      '--validating-webhook-key=/usr/local/certificates/key',
    ]);
    expect(read.map(({ verdict }) => verdict)).toEqual([
      'mapped',
      'ignored',
      'mapped',
      'mapped',
      'ignored',
      'ignored',
      'ignored',
    ]);
    expect(environment).toEqual({
      SLUICE_PUBLISH_SERVICE: 'ingress-nginx/ingress-nginx-controller',
      SLUICE_CONTROLLER_CLASS: 'k8s.io/ingress-nginx',
      SLUICE_INGRESS_CLASS: 'nginx',
    });
  });

  it('are written with a blank as well, but a switch takes no value in that way', () => {
    const { arguments: read, environment } = readArguments(['--http-port', '81', '--disable-catch-all', 'false']);
    expect(read.map(({ argument }) => argument)).toEqual(['--http-port=81', '--disable-catch-all', 'false']);
    expect(read[2]?.verdict).toBe('refused');
    expect(environment).toEqual({ SLUICE_HTTP_PORT: '81', SLUICE_DISABLE_CATCH_ALL: 'true' });
  });

  it('have the words of Go for true and false', () => {
    expect(readArguments(['--update-status=F']).environment).toEqual({ SLUICE_UPDATE_STATUS: 'false' });
    expect(readArguments(['--update-status=1']).environment).toEqual({ SLUICE_UPDATE_STATUS: 'true' });
  });

  it('count together where ours is one', () => {
    expect(verdictsOf('--healthz-port=10254', '--healthz-host=127.0.0.1')[0]).toContain(
      '--health-address=127.0.0.1:10254',
    );
    expect(readArguments(['--healthz-port=10254']).environment).toEqual({ SLUICE_HEALTH_ADDRESS: ':10254' });
  });

  it.each([
    ['--enable-ssl-passthrough', 'refused: TLS is ended here for all hosts'],
    ['--enable-ssl-passthrough=false', 'ignored: It is so here in any case.'],
    ['--watch-namespace=', 'ignored: It is empty.'],
    ['--http-port=http', 'refused: --http-port does not take "http". Give a port from 1 to 65535.'],
    ['--publish-service', 'refused: It has no value.'],
    ['--publish-service=$(POD_NAMESPACE)/x', 'refused: Write what $(POD_NAMESPACE)/x stands for'],
    ['--election-id=$(X)', 'ignored: The Lease is one of Sluice'],
    ['--publish-servce=a/b', 'refused: ingress-nginx 1.15.1 has no such argument. Did you mean --publish-service?'],
    ['--no-such-thing', 'refused: ingress-nginx 1.15.1 has no such argument.'],
  ])('%s is %s', (word, text) => {
    expect(verdictsOf(word)[0]).toContain(text);
  });

  it('are none where none are given', () => {
    expect(readArguments([])).toEqual({ arguments: [], environment: {} });
    expect(readArguments(['/nginx-ingress-controller']).arguments).toEqual([]);
  });
});
