import { Command, CommanderError } from 'commander';
import { describe, expect, it } from 'vitest';
import { withApiAddress } from './api.ts';
import { hostPortOf } from './arguments.ts';
import { runCommand } from './run.ts';

describe('HOST:PORT', () => {
  it.each(['127.0.0.1:9901', '0.0.0.0:10256', '[::1]:9901', 'localhost:65535'])('is taken: %s', (text) => {
    expect(hostPortOf(text)).toBe(text);
  });

  it.each(['foo', '9901', ':9901', '127.0.0.1:', '127.0.0.1:0', '127.0.0.1:65536', '::1:9901', '127.0.0.1:x'])(
    'is refused before anything starts: %s',
    (text) => {
      expect(() => hostPortOf(text)).toThrow('Give it as HOST:PORT');
      for (const [command, flag] of [
        [runCommand(), '--api-address'],
        [runCommand(), '--healthz-address'],
        [withApiAddress(new Command('get')), '--api-address'],
      ] as const) {
        command.exitOverride().configureOutput({ writeErr: () => {} });
        expect(() => command.parse([flag, text], { from: 'user' })).toThrow(CommanderError);
      }
    },
  );
});
