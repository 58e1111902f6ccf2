import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { silentLogger } from '../lib/logger.ts';
import { Metrics } from '../observe/metrics.ts';
import { runFlagDefaults } from './flags/register.ts';
import { Gateway } from './gateway.ts';
import { runOptionsOf } from './run-options.ts';

it('refuses a state directory whose path HAProxy cannot have, as one with blanks', async () => {
  const stateDirectory = await mkdtemp(join(tmpdir(), 'with blank '));
  try {
    const defaults = runFlagDefaults();
    const flags = { ...defaults, source: { ...defaults.source, manifests: '.' } };
    const options = { ...runOptionsOf(flags), stateDirectory, haproxyPath: process.execPath };
    const created = Gateway.create(options, silentLogger, new Metrics(), undefined);
    await expect(created).rejects.toMatchObject({
      code: 'state-directory',
      message: expect.stringContaining('--state-dir'),
    });
  } finally {
    await rm(stateDirectory, { recursive: true });
  }
});
