/** All commands. The code of a command is loaded when it runs, so that none waits for another's. */
import type { Command } from './command.ts';

export const COMMANDS: readonly Command[] = [
  {
    name: 'demo',
    describe: 'Show everything at work, with its own servers and data.',
    examples: [['$0 demo --keep', 'keep servers and files for a look around']],
    stopsCleanly: false,
    run: async (context) => (await import('./demo.ts')).runDemoCommand(context),
  },
  {
    name: 'capture',
    describe: 'Copy a snapshot and all changes of a source into a bucket.',
    examples: [
      [
        '$0 capture --source env:SOURCE --bucket /data/waybill',
        'copy everything and follow changes until stopped',
      ],
      [
        '$0 capture --source env:SOURCE --bucket /data/waybill --include shop --until caught-up',
        'copy one database, then stop',
      ],
    ],
    stopsCleanly: true,
    run: async (context) => (await import('./capture.ts')).runCaptureCommand(context),
  },
  {
    name: 'load',
    describe: 'Apply a stream from a bucket to a target.',
    examples: [
      [
        '$0 load --bucket /data/waybill --target env:TARGET',
        'apply everything and follow the stream until stopped',
      ],
      [
        "$0 load --bucket /data/waybill --target env:TARGET --map '*.*=main.{db}_{coll}'",
        'all databases into one, with joined names',
      ],
      ['$0 load --bucket /data/waybill --target env:TARGET --until caught-up --json', 'for scripts'],
    ],
    stopsCleanly: true,
    run: async (context) => (await import('./load.ts')).runLoadCommand(context),
  },
  {
    name: 'run',
    describe: 'Capture and load in one process.',
    examples: [
      ['$0 run -c waybill.yaml', 'take source, bucket, target and the rest from a file'],
      [
        '$0 run --source env:SOURCE --bucket /data/waybill --target env:TARGET --until caught-up',
        'copy everything as of now, then stop',
      ],
    ],
    stopsCleanly: true,
    run: async (context) => (await import('./run.ts')).runBoth(context),
  },
  {
    name: 'assess',
    describe: 'Count what a target would refuse or alter, before anything is written.',
    examples: [
      [
        '$0 assess --bucket /data/waybill --target-kind firestore',
        'read the whole stream; exit code 3 if anything would be refused',
      ],
      [
        '$0 assess --source env:SOURCE --target-kind firestore --markdown',
        'look at a sample of a source, for a ticket',
      ],
    ],
    stopsCleanly: false,
    run: async (context) => (await import('./assess.ts')).runAssessCommand(context),
  },
  {
    name: 'list',
    describe: 'List the streams of a bucket and their loads.',
    examples: [
      ['$0 list --bucket /data/waybill', 'show streams, sources, loads, and how far they are'],
      ['$0 list --bucket /data/waybill --json', 'for scripts'],
    ],
    stopsCleanly: false,
    run: async (context) => (await import('./list.ts')).runListCommand(context),
  },
  {
    name: 'status',
    describe: 'Show phase, progress, lag and milestones of a stream and its load.',
    examples: [
      ['$0 status --bucket /data/waybill --target env:TARGET --watch', 'redraw every two seconds'],
      ['$0 status --bucket /data/waybill --json', 'for scripts'],
    ],
    stopsCleanly: true,
    run: async (context) => (await import('./status.ts')).runStatusCommand(context),
  },
  {
    name: 'verify',
    describe: 'Compare source and target, document by document.',
    examples: [
      [
        '$0 verify --source env:SOURCE --bucket /data/waybill --target env:TARGET --report differences.json',
        'exit code 3 if they differ',
      ],
    ],
    stopsCleanly: false,
    run: async (context) => (await import('./verify.ts')).runVerifyCommand(context),
  },
  {
    name: 'control',
    describe: 'Limit, pause or resume a load, also while it runs on another machine.',
    examples: [
      ['$0 control --bucket /data/waybill --max-write-rate 2000/s', 'limit it, now and in later starts'],
      ['$0 control --bucket /data/waybill --max-write-rate none --resume', 'let it go on without a limit'],
      ['$0 control --bucket /data/waybill', 'show what it was told'],
    ],
    stopsCleanly: false,
    run: async (context) => (await import('./control.ts')).runControlCommand(context),
  },
  {
    name: 'cutover',
    describe: 'End the migration: drain the stream, finish indexes, verify, record it.',
    examples: [
      [
        '$0 cutover --source env:SOURCE --bucket /data/waybill --target env:TARGET --yes',
        'after writes to the source have stopped',
      ],
    ],
    stopsCleanly: false,
    run: async (context) => (await import('./cutover.ts')).runCutoverCommand(context),
  },
  {
    name: 'dead-letters',
    describe: 'List, show, retry or discard the records that a target refused.',
    argument: {
      name: 'action',
      choices: ['list', 'show', 'retry', 'discard'],
      default: 'list',
      describe:
        'list (the default): count them by collection and reason. show: print one with its documents. retry: write them to the target. discard: give them up.',
    },
    examples: [
      ['$0 dead-letters list --bucket /data/waybill', 'how many there are, and why'],
      ['$0 dead-letters show --bucket /data/waybill --letter 17', 'one record with its documents'],
      [
        '$0 dead-letters retry --bucket /data/waybill --target env:TARGET --ns shop.orders',
        'when the target would take them now',
      ],
      [
        '$0 dead-letters discard --bucket /data/waybill --target env:TARGET --letter 17 --reason "test data"',
        'give one up',
      ],
    ],
    stopsCleanly: false,
    run: async (context) => (await import('./dead-letters.ts')).runDeadLettersCommand(context),
  },
  {
    name: 'fsck',
    describe: 'Check a stream in a bucket, and name what is damaged. Changes nothing.',
    examples: [
      [
        '$0 fsck --bucket /data/waybill',
        'check chain, sizes, sequences, orphans; exit code 3 if anything is damaged',
      ],
      ['$0 fsck --bucket /data/waybill --deep --json', 'check every hash and every record, for scripts'],
    ],
    stopsCleanly: false,
    run: async (context) => (await import('./fsck.ts')).runFsckCommand(context),
  },
  {
    name: 'gc',
    describe: 'List what a stream no longer needs in its bucket; --delete deletes it.',
    examples: [
      ['$0 gc --bucket /data/waybill', 'show what would be deleted, and how much that is'],
      ['$0 gc --bucket /data/waybill --delete', 'delete what is older than seven days'],
      [
        '$0 gc --bucket /data/waybill --min-age 0 --delete',
        'delete everything that no capture can commit any more',
      ],
    ],
    stopsCleanly: false,
    run: async (context) => (await import('./gc.ts')).runGcCommand(context),
  },
];
