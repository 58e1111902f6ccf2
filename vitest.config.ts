import { defineConfig } from 'vitest/config';

const setupFiles = ['test/property-seed.ts'];

/**
 * Real sockets and servers on a machine that does other things as well: a test that failed is tried once more where changes are
 * judged, and `make test` names those that passed only then. While a person works on them they fail at once.
 */
const retry = process.env['CI'] === undefined ? 0 : 1;

/**
 * Four suites, from cheap to dear. `unit` touches nothing outside the process but temporary files;
 * `traffic` starts a real HAProxy; `netns` programs a real kernel, in network namespaces of its own;
 * `cluster` starts a real kube-apiserver and etcd.
 */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          setupFiles,
          include: [
            'src/**/*.test.ts',
            'test/*.test.ts',
            'test/golden/**/*.test.ts',
            'test/contract/**/*.test.ts',
            'test/fakes/**/*.test.ts',
            'test/injection/**/*.test.ts',
          ],
          retry,
          isolate: false,
          pool: 'threads',
          // Most of these tests wait for a socket or a timer most of the time.
          maxWorkers: 4,
          // Properties take their time on a busy machine.
          testTimeout: 90_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'traffic',
          setupFiles,
          include: ['test/traffic/**/*.test.ts'],
          fileParallelism: false,
          retry,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'netns',
          setupFiles,
          include: ['test/netns/**/*.test.ts'],
          fileParallelism: false,
          retry,
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'cluster',
          setupFiles,
          include: ['test/cluster/**/*.test.ts'],
          fileParallelism: false,
          retry,
          testTimeout: 120_000,
          hookTimeout: 900_000,
        },
      },
      {
        test: {
          name: 'image',
          include: ['test/image/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
