import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { rename } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { signalProcess } from '../../src/lib/signal-process.ts';
import { spawnBound } from '../cluster/bound-process.ts';
import { makeCertificate } from './certificate.ts';
import { Backend, freePort, Lab, Load, SLUICE } from './lab.ts';
import { ingress, service, tlsSecret } from './manifest.ts';
import { isRunning } from './process-state.ts';

describe('faults and changes under load', () => {
  let one: Backend;
  let two: Backend;
  let lab: Lab;

  beforeEach(async () => {
    one = await Backend.start('one');
    two = await Backend.start('two');
    lab = await Lab.create({
      'steady.yaml': service('steady', [one.port, two.port]) + ingress('steady', 'steady.test', { '/': 'steady' }),
    });
  });

  afterEach(async () => {
    await lab.stop();
    await one.stop();
    await two.stop();
  });

  it('fails no request through a few hundred mixed changes, and never reloads', async () => {
    const load = new Load(lab, ['http://steady.test/', 'http://steady.test/a/b']);
    const pem = makeCertificate('churn', ['*.churn.test']);
    for (let round = 0; round < 60; round += 1) {
      const name = `churn-${String(round % 7)}`;
      const ports = round % 3 === 0 ? [one.port] : round % 3 === 1 ? [two.port] : [one.port, two.port];
      const secret = round % 2 === 0 ? tlsSecret(`${name}-tls`, pem) : '';
      const host = `${name}.churn.test`;
      const text =
        service(name, ports) +
        secret +
        ingress(name, host, { [`/${String(round % 5)}`]: name, '/': name }, secret === '' ? undefined : `${name}-tls`);
      await lab.write(`${name}.yaml`, text);
      await lab.write(
        'steady.yaml',
        service('steady', ports) + ingress('steady', 'steady.test', { '/': 'steady', [`/x${String(round)}`]: name }),
      );
      await new Promise((resolve) => setTimeout(resolve, 15));
      if (round % 10 === 8) await lab.remove(`${name}.yaml`);
    }
    await lab.until('the last change', async () => (await lab.get('http://steady.test/x59')).status === 200);
    await load.stop();
    expect(load.failures).toEqual([]);
    expect(load.sent).toBeGreaterThan(200);
    expect(await lab.reloads()).toBe(0);
  });

  it('answers requests that reach an endpoint just as it closes its idle connection', async () => {
    const server = createServer((socket) => {
      let requests = 0;
      socket.on('error', () => socket.destroy());
      socket.on('data', () => {
        requests += 1;
        if (requests === 1) socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
        else socket.destroy();
      });
    });
    const port = await freePort();
    server.listen(port, '127.0.0.1');
    await lab.write('fickle.yaml', service('fickle', [port]) + ingress('fickle', 'fickle.test', { '/': 'fickle' }));
    await lab.until('the route', async () => (await lab.get('http://fickle.test/')).status === 200);
    for (let request = 0; request < 20; request += 1) {
      expect((await lab.get('http://fickle.test/')).status).toBe(200);
    }
    server.close();
  });

  it('starts HAProxy again, full, when it crashes', async () => {
    signalProcess(await lab.enginePid(), 'SIGKILL');
    await lab.until('it to serve again', async () => (await lab.get('http://steady.test/')).status === 200);
    await lab.until('it to be counted', async () => {
      return (await lab.metric('sluice_haproxy_reloads_total{reason="crashed"}')) === 1;
    });
  });

  it('says that HAProxy stands still, though nothing changes, and has another take over when it goes on', async () => {
    const engine = await lab.enginePid();
    signalProcess(engine, 'SIGSTOP');
    const reason = `l7: HAProxy (process ${String(engine)}) does not answer on its runtime CLI`;
    await lab.until('the reason', async () => (await lab.api('/readyz')).body.includes(reason), 60_000);
    expect(lab.output).toContain('HAProxy does not answer');
    expect(await lab.enginePid()).toBe(engine);
    await lab.write('late.yaml', ingress('late', 'late.test', { '/': 'steady' }));
    signalProcess(engine, 'SIGCONT');
    await lab.until('ready', async () => (await lab.api('/readyz')).status === 200);
    await lab.until('the change', async () => (await lab.get('http://late.test/')).status === 200);
    expect(await lab.metric('sluice_haproxy_reloads_total{reason="out-of-step"}')).toBe(1);
    expect(await lab.reloads()).toBe(1);
  });

  it('says in one line that the state directory cannot be used', async () => {
    const sluice = fileURLToPath(new URL('../../bin/sluice', import.meta.url));
    const belowAFile = join(lab.manifests, 'steady.yaml', 'state');
    const flags = ['run', '--manifests', lab.manifests, '--state-dir', belowAFile];
    const run = promisify(execFile)(sluice, flags);
    await expect(run).rejects.toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^sluice: the state directory .*\/state cannot be used: ENOTDIR.*\n$/) as string,
    });
  });

  it('goes on serving while Sluice is killed and started again', async () => {
    const load = new Load(lab, ['http://steady.test/']);
    const before = await lab.enginePid();
    await lab.signal('SIGKILL');
    expect((await lab.get('http://steady.test/')).status).toBe(200);
    await lab.start();
    await lab.until('another process', async () => (await lab.enginePid()) !== before);
    await lab.write('late.yaml', ingress('late', 'late.test', { '/': 'steady' }));
    await lab.until('a change', async () => (await lab.get('http://late.test/')).status === 200);
    await load.stop();
    expect(load.failures).toEqual([]);
  });

  it('goes on serving while Sluice is killed again and again, in the midst of its start as well', async () => {
    const load = new Load(lab, ['http://steady.test/']);
    for (let round = 0; round < 6; round += 1) {
      await lab.signal('SIGKILL');
      await lab.write('late.yaml', ingress('late', `late-${String(round)}.test`, { '/': 'steady' }));
      if (round % 2 === 0) {
        // Before it has read anything, while it reads, while its HAProxy takes over.
        lab.spawn();
        await sleep(250 * round);
      } else await lab.start();
    }
    await lab.signal('SIGKILL');
    await lab.start();
    await lab.until('the last change', async () => (await lab.get('http://late-5.test/')).status === 200);
    expect((await lab.get('http://late-4.test/')).status).toBe(404);
    await load.stop();
    expect(load.failures).toEqual([]);
  }, 120_000);

  it('shares no port with another Sluice, which says what to do', async () => {
    const ports = ['--http-port', String(lab.httpPort), '--https-port', String(await freePort())];
    const api = ['--api-address', `127.0.0.1:${String(await freePort())}`, '--bind-address', '127.0.0.1'];
    const other = spawnBound(
      SLUICE,
      [
        'run',
        '--role',
        'gateway',
        '--manifests',
        lab.manifests,
        '--state-dir',
        join(lab.root, 'other'),
        ...ports,
        ...api,
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const ended = once(other, 'exit');
    let output = '';
    other.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    await lab.until('it to say so', () => Promise.resolve(output.includes('Another program has the port')));
    expect(output).not.toContain('"ready"');
    other.kill('SIGTERM');
    await ended;
  });

  it.each([[], ['--no-access-log']])('shares no state directory with another Sluice (flags: %j)', async (...flags) => {
    const before = await lab.enginePid();
    const ports = ['--http-port', String(await freePort()), '--https-port', String(await freePort())];
    const api = ['--api-address', `127.0.0.1:${String(await freePort())}`, '--bind-address', '127.0.0.1'];
    const state = ['--state-dir', join(lab.root, 'state')];
    const run = ['run', '--role', 'gateway', '--manifests', lab.manifests, ...state, ...ports, ...api, ...flags];
    const other = spawnBound(SLUICE, run, { stdio: ['ignore', 'ignore', 'pipe'] });
    let output = '';
    other.stderr?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const [status] = await once(other, 'close');
    expect([status, output]).toEqual([1, expect.stringContaining('another Sluice serves from this state directory')]);
    expect(await lab.enginePid()).toBe(before);
    expect((await lab.get('http://steady.test/')).status).toBe(200);
  });

  it('lets a request end that runs when it is told to end', async () => {
    const slow = lab.get('http://steady.test/?delay=1000');
    await lab.until('the request', async () => (await one.running()) + (await two.running()) > 0);
    await lab.signal('SIGTERM');
    expect((await slow).status).toBe(200);
  });

  it('cuts what runs when it is told twice, and leaves no HAProxy behind', async () => {
    const engine = await lab.enginePid();
    const endless = lab.get('http://steady.test/?delay=60000');
    const cut = expect(endless).rejects.toThrow('socket hang up');
    await lab.until('the request', async () => (await one.running()) + (await two.running()) > 0);
    const ended = lab.signal('SIGTERM');
    await lab.until('it to be ending', () => Promise.resolve(lab.output.includes('"signal":"SIGTERM"')));
    signalProcess(lab.pid, 'SIGTERM');
    await Promise.all([ended, cut]);
    await lab.until('HAProxy to be gone', () => Promise.resolve(!isRunning(engine)));
  });

  it('serves what it served last when its manifests are gone at start', async () => {
    await lab.signal('SIGTERM');
    await expect(lab.get('http://steady.test/')).rejects.toThrow('ECONNREFUSED');
    await rename(lab.manifests, `${lab.manifests}-away`);
    lab.spawn();
    await lab.until('the last good state', async () => (await lab.get('http://steady.test/')).status === 200);
    expect((await lab.api('/readyz')).status).toBe(503);
    expect(lab.output).toContain('it has not given everything yet, and is waited for');
    expect(lab.output).toContain(`${lab.manifests} does not exist`);
    expect(lab.output).not.toContain('what it gave keeps being served');
    await rename(`${lab.manifests}-away`, lab.manifests);
    await lab.until('ready', async () => (await lab.api('/readyz')).status === 200);
    expect((await lab.get('http://steady.test/')).status).toBe(200);
  });

  it('loses no object when the folder vanishes while it runs', async () => {
    await rename(lab.manifests, `${lab.manifests}-away`);
    await lab.until('stale', () => Promise.resolve(lab.output.includes('what it gave keeps being served')));
    expect((await lab.get('http://steady.test/')).status).toBe(200);
    await rename(`${lab.manifests}-away`, lab.manifests);
    await lab.write('late.yaml', ingress('late', 'late.test', { '/': 'steady' }));
    await lab.until('a change after it is back', async () => (await lab.get('http://late.test/')).status === 200);
  });

  it('gives nobody but its owner access to the admin socket and the keys', async () => {
    const { statSync } = await import('node:fs');
    await lab.until('the state to be kept', () => Promise.resolve(existsSync(join(lab.root, 'state', 'current'))));
    expect((statSync(join(lab.root, 'state', 'admin.sock')).mode & 0o777).toString(8)).toBe('600');
    expect((statSync(join(lab.root, 'state', 'current', 'certs', 'self-signed.pem')).mode & 0o777).toString(8)).toBe(
      '600',
    );
  });
});
