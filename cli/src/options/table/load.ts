import { LOAD_DEFAULTS } from '@waybill/load/settings/load-settings';
import { LOADING, WITH_TARGET } from '../spec/commands.ts';
import type { OptionSpec } from '../spec/option.ts';

const MiB = 2 ** 20;

/** How to write the target. */
export const LOAD_OPTIONS = {
  map: {
    type: 'list',
    group: 'Load',
    commands: [...LOADING, 'assess'],
    describe:
      "Other names on the target: shop.orders=store.orders, shop.*=store.*, *.*=one.*, *.*=main.{db}_{coll}. The most specific rule wins; a name without a rule stays. --include and --exclude go by the source's names. Fixed when the load first starts.",
    example: 'shop.*=store.*',
  },
  indexes: {
    type: 'enum',
    group: 'Load',
    commands: LOADING,
    choices: ['after-snapshot', 'last', 'none'],
    default: LOAD_DEFAULTS.indexes,
    describe:
      'When to build secondary indexes. after-snapshot: after the snapshot. last: when the stream is drained. none: never, not even at the cutover.',
  },
  ddl: {
    type: 'enum',
    group: 'Load',
    commands: LOADING,
    choices: ['apply', 'halt', 'ignore'],
    default: LOAD_DEFAULTS.ddl,
    describe:
      'What to do with changes of collections and indexes: apply them, halt before them, or ignore them.',
  },
  'allow-drop': {
    type: 'boolean',
    group: 'Load',
    commands: LOADING,
    describe:
      'Apply drops of collections and databases too. Without this option the load stops at a drop, so that you can decide.',
  },
  'max-dead-letters': {
    type: 'limit',
    group: 'Load',
    commands: LOADING,
    default: LOAD_DEFAULTS.maxDeadLetters,
    describe:
      'How many records that the target refuses may be put aside as dead letters at any time, or unlimited. With one more the load stops. 0: it stops at the first.',
    example: '1000',
  },
  'wait-for-stream': {
    type: 'duration',
    group: 'Load',
    commands: ['load'],
    default: LOAD_DEFAULTS.waitForStream,
    describe:
      'How long to wait for a stream that is not in the bucket yet because its capture is still starting.',
  },
  'progress-database': {
    type: 'string',
    group: 'Load',
    commands: WITH_TARGET,
    describe:
      'Database on the target that holds the progress of the load. Default: waybill. Choose another if your data has a database of that name. Fixed when the load first starts.',
    example: 'waybill_progress',
  },
  workers: {
    type: 'integer',
    group: 'Load',
    commands: LOADING,
    min: 1,
    max: 64,
    default: LOAD_DEFAULTS.workers,
    describe: 'Number of write commands in flight to the target.',
  },
  'max-document-size': {
    type: 'size',
    group: 'Load',
    commands: [...LOADING, 'assess'],
    min: 1024,
    describe:
      'The most bytes that a document may have on the target. A larger one is not sent. Default: what the server says; without a server, what its kind takes.',
    example: '4MiB',
  },
  'max-write-rate': {
    type: 'rate',
    group: 'Load',
    commands: [...LOADING, 'control'],
    typedFor: ['control'],
    inCommand: {
      control: {
        describe:
          'The most that the load writes to the target in a second, from now on and in later starts: 5000/s counts documents, 20MiB/s counts bytes, 5000/s,20MiB/s limits both. none: no limit. default: what the load itself was or will be started with.',
      },
    },
    describe:
      'The most that the load writes to the target in a second: 5000/s counts documents, 20MiB/s counts bytes, 5000/s,20MiB/s limits both. Snapshot and changes share it. Default: no limit.',
    example: '5000/s',
  },
  'write-concern': {
    type: 'string',
    group: 'Load',
    commands: LOADING,
    default: LOAD_DEFAULTS.writeConcern,
    describe:
      'Who acknowledges a batch on the target: majority, a number of members, or a rule of the replica set. With fewer than a majority an election may lose batches: the load notices that on a replica set, ends, and writes them again at its next start. Behind mongos it cannot notice: run verify. Progress always waits for a majority.',
    example: '1',
  },
  'idle-poll': {
    type: 'duration',
    group: 'Load',
    commands: LOADING,
    min: 200,
    default: LOAD_DEFAULTS.idlePoll,
    describe:
      'The longest pause between two looks for a new commit while nothing changes. Each look is a request that a store bills. While the stream changes, the load looks five times a second.',
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
      'The most bytes of changed documents in one batch. Above 12 MiB a batch is not a transaction, which costs the target more.',
  },
} as const satisfies Readonly<Record<string, OptionSpec>>;
