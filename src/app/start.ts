import { createLogger } from '../observe/logger.ts';
import type { Source } from '../sources/source.ts';
import { ManifestSource } from '../sources/manifests/manifest-source.ts';
import { Store } from '../sources/store.ts';
import type { Logger } from '../lib/logger.ts';
import { Fault } from '../lib/fault.ts';
import type { RunOptions } from './options.ts';
import { Program } from './program.ts';

/**
 * Puts the program together from its options and runs it until SIGTERM or SIGINT; a second signal
 * ends it at once. @throws Fault when it cannot start.
 */
export async function startProgram(options: RunOptions, onReady: () => void): Promise<void> {
  const logger = createLogger(options.logFormat, options.logLevel);
  const store = new Store();
  const program = new Program(options, logger, store, createSources(options, store, logger));
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    // A person who presses Ctrl-C twice will not wait for the requests to end.
    if (stop.signal.aborted) process.kill(process.pid, 'SIGKILL');
    logger.info('ending', { signal });
    stop.abort();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
  try {
    await program.run(stop.signal, () => {
      const { httpPort, httpsPort } = options.engine;
      logger.info('ready', { http: httpPort, https: httpsPort, api: options.apiAddress });
      onReady();
    });
  } finally {
    process.off('SIGTERM', onSignal);
    process.off('SIGINT', onSignal);
  }
}

function createSources(options: RunOptions, store: Store, logger: Logger): readonly Source[] {
  const { source } = options;
  if (source.kind === 'manifests') return [new ManifestSource({ directory: source.directory, store, logger })];
  throw new Fault('usage', 'following an API server is not there yet; give --manifests', { retryable: false });
}
