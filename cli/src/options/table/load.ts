import { LOAD_DEFAULTS } from '@waybill/load/settings/load-settings';
import { LOADING, WITH_TARGET } from '../spec/commands.ts';
import type { OptionSpec } from '../spec/option.ts';

const MiB = 2 ** 20;

/** How the target is written. */
export const LOAD_OPTIONS = {
  indexes: {
    type: 'enum',
    group: 'Load',
    commands: LOADING,
    choices: ['after-snapshot', 'last', 'none'],
    default: LOAD_DEFAULTS.indexes,
    describe:
      'When secondary indexes are built: after the snapshot; when the stream is drained; or never, not by the cutover either.',
  },
  ddl: {
    type: 'enum',
    group: 'Load',
    commands: LOADING,
    choices: ['apply', 'halt', 'ignore'],
    default: LOAD_DEFAULTS.ddl,
    describe:
      'What to do with changes of collections and indexes: repeat them, stop before them, or skip them.',
  },
  'allow-drop': {
    type: 'boolean',
    group: 'Load',
    commands: LOADING,
    describe:
      'Repeat drops of collections and databases on the target too; without it the load stops and asks.',
  },
  'wait-for-stream': {
    type: 'duration',
    group: 'Load',
    commands: ['load'],
    default: LOAD_DEFAULTS.waitForStream,
    describe:
      'How long to wait for a stream that is not in the bucket yet, since its capture is just being started.',
  },
  'progress-database': {
    type: 'string',
    group: 'Load',
    commands: WITH_TARGET,
    describe:
      'Database on the target in which the load keeps its progress. Default: waybill. Choose another where the data has a database of that name. Fixed when the load is first started.',
    example: 'waybill_progress',
  },
  workers: {
    type: 'integer',
    group: 'Load',
    commands: LOADING,
    min: 1,
    max: 64,
    default: LOAD_DEFAULTS.workers,
    describe: 'Write commands in flight to the target at once.',
  },
  'idle-poll': {
    type: 'duration',
    group: 'Load',
    commands: LOADING,
    min: 200,
    default: LOAD_DEFAULTS.idlePoll,
    describe:
      'The longest pause between looks for a new commit when nothing has changed for a while; each look is a request that a store bills. While the stream changes it is looked at five times a second.',
  },
  'batch-records': {
    type: 'integer',
    group: 'Load',
    commands: LOADING,
    min: 1,
    max: 100_000,
    default: LOAD_DEFAULTS.batchRecords,
    describe: 'The most change records in one batch.',
  },
  'batch-size': {
    type: 'size',
    group: 'Load',
    commands: LOADING,
    min: 64 * 1024,
    max: 48 * MiB,
    default: LOAD_DEFAULTS.batchSize,
    describe:
      'The most bytes of changed documents in one batch. Above 12 MiB a batch does not go as a transaction, which costs the target more.',
  },
} as const satisfies Readonly<Record<string, OptionSpec>>;
