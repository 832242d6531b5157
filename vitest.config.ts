import { defineConfig } from 'vitest/config';

// unit: pure modules and the local folder, no server. integration: real servers, one file at a
// time, because every file starts its own servers and the machines that run this have two cores.
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{schemas,shared,capture,load,audit,console,cli,demo,test,bench}/src/**/*.test.ts'],
          exclude: ['**/*.itest.ts', '**/node_modules/**'],
          pool: 'forks',
          maxWorkers: 2,
          // A net, not a measure: the longest take a second or two, and several on a machine that
          // is busy.
          testTimeout: 30_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/src/**/*.itest.ts', 'shared/src/**/*.itest.ts'],
          exclude: ['**/node_modules/**'],
          pool: 'forks',
          fileParallelism: false,
          maxWorkers: 1,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
