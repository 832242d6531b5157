import { totalmem } from 'node:os';
import { defineConfig, type TestProjectConfiguration } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * A file that runs has two servers or more, the commands that it starts, and itself: about 1.5 GB.
 * Most of its time it waits, so three are at work on two cores.
 */
const FILES_AT_ONCE = Math.max(1, Math.min(3, Math.floor(totalmem() / 2 ** 30 / 4)));

const named = (...names: readonly string[]): string[] => names.map((name) => `test/src/**/${name}.itest.ts`);

/**
 * Campaigns: many rounds of what the other files do once, or faults at every point of it. The
 * longest first, since the last to end decides.
 */
const LONG = named(
  'crash',
  'kills',
  'ferretdb-load',
  'fencing',
  'elections',
  'store-migration',
  'stop-without-store',
  'cutover-kills',
  'cutover-undone',
  'requests',
  'store-captures',
  'store-races',
  'capture-sharded',
  'sharded-target',
  'blocked-structure',
  'inclusion',
  'dead-letters-kills',
  'firestore-load',
  'mapping-migration',
);

/** What they measure would show what else is at work. */
const MEASURED = named('memory', 'read-ahead', 's3-network');

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONG.findIndex((pattern) => moduleId.endsWith(pattern.replace('test/src/**', '')));
      return at < 0 ? LONG.length : at;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

const INTEGRATION = 'test/src/**/*.itest.ts';

// `npm test` runs unit and integration, which prove the main job; `npm run test:all` adds the
// others. Groups run one after another, in the order given.
export default defineConfig({
  test: {
    sequence: { sequencer: LongestFirst },
    reporters: ['default', './test/src/support/reporter.ts'],
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{schemas,shared,capture,load,audit,console,cli,demo,test,bench}/src/**/*.test.ts'],
          exclude: ['**/*.itest.ts', '**/node_modules/**'],
          pool: 'forks',
          maxWorkers: 2,
          sequence: { groupOrder: 0 },
          // A net, not a measure: the longest take a second or two, and several on a machine that
          // is busy.
          testTimeout: 30_000,
        },
      },
      integration('integration', [INTEGRATION], { order: 1, without: [...LONG, ...MEASURED] }),
      integration('integration-long', LONG, { order: 2 }),
      integration('integration-alone', MEASURED, { order: 3, filesAtOnce: 1 }),
    ],
  },
});

/** Tests on real servers, which `support/lending` starts once for the run. */
function integration(
  name: string,
  include: readonly string[],
  {
    order,
    without = [],
    filesAtOnce = FILES_AT_ONCE,
  }: { readonly order: number; readonly without?: readonly string[]; readonly filesAtOnce?: number },
): TestProjectConfiguration {
  return {
    test: {
      name,
      include: [...include],
      exclude: [...without, '**/node_modules/**'],
      globalSetup: ['test/src/support/lending/setup.ts'],
      pool: 'forks',
      maxWorkers: filesAtOnce,
      sequence: { groupOrder: order },
      testTimeout: 120_000,
      hookTimeout: 180_000,
    },
  };
}
