import { Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { withApiAddress } from './api.ts';
import { hostPortOf, listenOn } from './arguments.ts';
import { runCommand } from './run.ts';

describe('HOST:PORT', () => {
  it.each(['127.0.0.1:9901', '0.0.0.0:10256', '[::1]:9901', 'localhost:65535'])('is taken: %s', (text) => {
    expect(hostPortOf(text)).toBe(text);
    expect(listenOn(text)).toBe(text);
  });

  it('needs no host where a server is to listen, but where one is asked', () => {
    expect(listenOn(':9901')).toBe(':9901');
    expect(() => hostPortOf(':9901')).toThrow('Give it as HOST:PORT');
    for (const flag of ['--api-address', '--healthz-address'])
      expect(() => runCommand().exitOverride().parseOptions([flag, ':9901'])).not.toThrow();
  });

  it.each([
    'foo',
    '9901',
    ':',
    ':0',
    ':65536',
    ':x',
    '127.0.0.1:',
    '127.0.0.1:0',
    '127.0.0.1:65536',
    '::1:9901',
    '127.0.0.1:x',
  ])('is refused before anything starts: %s', (text) => {
    for (const read of [hostPortOf, listenOn]) expect(() => read(text)).toThrow('Give it as HOST:PORT');
    for (const [command, flag] of [
      [runCommand(), '--api-address'],
      [runCommand(), '--healthz-address'],
      [withApiAddress(new Command('get')), '--api-address'],
    ] as const) {
      command.exitOverride().configureOutput({ writeErr: () => {} });
      expect(() => command.parse([flag, text], { from: 'user' })).toThrow(CommanderError);
    }
  });
});
