import { createApi, createHealth, startServer, type ApiSource, type RunningServer } from '../observe/api.ts';
import { ApiToken } from '../observe/api-token.ts';
import type { RunOptions } from './options.ts';

/**
 * Starts what answers by HTTP: the API, and health and metrics alone where they are asked for elsewhere too.
 *
 * @throws Fault `listen` for an address that cannot be listened on, `api-token` for a token that cannot be read
 */
export async function startServers(
  { apiAddress, apiTokenFile, healthAddress }: Pick<RunOptions, 'apiAddress' | 'apiTokenFile' | 'healthAddress'>,
  source: ApiSource,
): Promise<RunningServer> {
  const token = apiTokenFile === undefined ? undefined : await ApiToken.open(apiTokenFile);
  const api = await startServer(createApi(source, token), apiAddress, '--api-address');
  if (healthAddress === undefined) return api;
  try {
    const health = await startServer(createHealth(source), healthAddress, '--health-address');
    return { close: async () => void (await Promise.all([api.close(), health.close()])) };
  } catch (thrown) {
    await api.close();
    throw thrown;
  }
}
