import { CAPTURE_DEFAULTS } from '@waybill/capture/start/settings';
import { CAPTURING } from '../spec/commands.ts';
import type { OptionSpec } from '../spec/option.ts';

const MiB = 2 ** 20;

/** How to read the source, and when to commit. */
export const CAPTURE_OPTIONS = {
  'chunk-size': {
    type: 'size',
    group: 'Capture',
    commands: CAPTURING,
    min: MiB,
    default: CAPTURE_DEFAULTS.chunkSize,
    describe: 'Read a collection in _id ranges of about this size.',
  },
  'segment-size': {
    type: 'size',
    group: 'Capture',
    commands: CAPTURING,
    min: 64 * 1024,
    max: 512 * MiB,
    default: CAPTURE_DEFAULTS.segmentSize,
    describe: 'Close a snapshot segment at this many bytes of documents.',
  },
  'commit-size': {
    type: 'size',
    group: 'Capture',
    commands: CAPTURING,
    min: 64 * 1024,
    max: 512 * MiB,
    default: CAPTURE_DEFAULTS.commitSize,
    describe: 'Commit changes when this much is buffered.',
  },
  'commit-interval': {
    type: 'duration',
    group: 'Capture',
    commands: CAPTURING,
    min: 10,
    default: CAPTURE_DEFAULTS.commitInterval,
    describe: 'Commit a change at the latest this long after it was read.',
  },
  readers: {
    type: 'integer',
    group: 'Capture',
    commands: CAPTURING,
    min: 1,
    max: 64,
    describe:
      'Number of chunks that the snapshot reads at once. Default: 2 to 4, by the number of processors.',
    example: '8',
  },
  'max-read-rate': {
    type: 'size',
    group: 'Capture',
    commands: CAPTURING,
    min: 64 * 1024,
    describe: 'The most bytes of documents that the snapshot reads in a second. Default: no limit.',
    example: '20MiB',
  },
  'owner-silence': {
    type: 'duration',
    group: 'Capture',
    commands: CAPTURING,
    min: 15_000,
    default: CAPTURE_DEFAULTS.ownerSilence,
    describe:
      'Take over the stream of another capture that has committed nothing for this long. If that capture has stopped, or was a process of this machine and is gone, take over at once. A capture that goes on committing keeps its stream.',
  },
  'take-over': {
    type: 'boolean',
    group: 'Capture',
    commands: CAPTURING,
    describe:
      'Take over the stream of another capture at once, even if that capture is running. It ends then.',
  },
  'read-preference': {
    type: 'enum',
    group: 'Capture',
    commands: CAPTURING,
    choices: ['primary', 'secondaryPreferred'],
    default: CAPTURE_DEFAULTS.readPreference,
    describe: 'Members that the snapshot reads from. Changes always follow the majority.',
  },
  'time-series': {
    type: 'enum',
    group: 'Capture',
    commands: CAPTURING,
    choices: ['refuse', 'snapshot-only'],
    default: CAPTURE_DEFAULTS.timeSeries,
    describe:
      'Change streams do not show writes to time-series collections. refuse: do not start if there are any. snapshot-only: copy what is there, and nothing that is written later.',
  },
} as const satisfies Readonly<Record<string, OptionSpec>>;
