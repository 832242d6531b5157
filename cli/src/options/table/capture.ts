import { CAPTURE_DEFAULTS } from '@waybill/capture/start/settings';
import { CAPTURING } from '../spec/commands.ts';
import type { OptionSpec } from '../spec/option.ts';

const MiB = 2 ** 20;

/** How the source is read, and when what was read is committed. */
export const CAPTURE_OPTIONS = {
  'chunk-size': {
    type: 'size',
    group: 'Capture',
    commands: CAPTURING,
    min: MiB,
    default: CAPTURE_DEFAULTS.chunkSize,
    describe: 'A collection is read in _id ranges of about this size.',
  },
  'segment-size': {
    type: 'size',
    group: 'Capture',
    commands: CAPTURING,
    min: 64 * 1024,
    max: 512 * MiB,
    default: CAPTURE_DEFAULTS.segmentSize,
    describe: 'A snapshot segment is closed at this many bytes of documents.',
  },
  'commit-size': {
    type: 'size',
    group: 'Capture',
    commands: CAPTURING,
    min: 64 * 1024,
    max: 512 * MiB,
    default: CAPTURE_DEFAULTS.commitSize,
    describe: 'Changes are committed when this much is buffered.',
  },
  'commit-interval': {
    type: 'duration',
    group: 'Capture',
    commands: CAPTURING,
    min: 10,
    default: CAPTURE_DEFAULTS.commitInterval,
    describe: 'Changes are committed at the latest this long after the first of them was read.',
  },
  readers: {
    type: 'integer',
    group: 'Capture',
    commands: CAPTURING,
    min: 1,
    max: 64,
    describe:
      'Chunks of the snapshot that are read side by side. Default: 2 to 4, by the number of processors.',
    example: '8',
  },
  'max-read-rate': {
    type: 'size',
    group: 'Capture',
    commands: CAPTURING,
    min: 64 * 1024,
    describe:
      'The snapshot reads no more than this many bytes of documents a second. Default: as fast as it goes.',
    example: '20MiB',
  },
  'owner-silence': {
    type: 'duration',
    group: 'Capture',
    commands: CAPTURING,
    min: 15_000,
    default: CAPTURE_DEFAULTS.ownerSilence,
    describe:
      'A stream that another capture owns is taken over when that one has committed nothing for this long; at once where it has stopped, or is a dead process of this machine. One that goes on committing keeps the stream.',
  },
  'take-over': {
    type: 'boolean',
    group: 'Capture',
    commands: CAPTURING,
    describe: 'Take the stream from another capture at once, though it may be at work. That one ends.',
  },
  'read-preference': {
    type: 'enum',
    group: 'Capture',
    commands: CAPTURING,
    choices: ['primary', 'secondaryPreferred'],
    default: CAPTURE_DEFAULTS.readPreference,
    describe: 'Which members the snapshot reads from. Changes always follow the majority.',
  },
  'time-series': {
    type: 'enum',
    group: 'Capture',
    commands: CAPTURING,
    choices: ['refuse', 'snapshot-only'],
    default: CAPTURE_DEFAULTS.timeSeries,
    describe:
      'Time-series collections: refuse them, since change streams do not show what is written to them, or copy what is there and nothing after.',
  },
} as const satisfies Readonly<Record<string, OptionSpec>>;
