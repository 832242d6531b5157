import { CAPTURE_DEFAULTS } from '@waybill/capture/start/settings';
import { LOAD_DEFAULTS } from '@waybill/load/settings/load-settings';
import { TARGET_KINDS } from '@waybill/load/target/profiles/profile';
import { NEEDING_BUCKET, WITH_BUCKET, WITH_STREAM, WITH_TARGET } from '../spec/commands.ts';
import type { OptionSpec } from '../spec/option.ts';

/** Source, bucket and target, and the names of stream and load. */
export const WHERE_OPTIONS = {
  source: {
    type: 'connection',
    group: 'Where',
    commands: ['capture', 'run', 'status', 'verify', 'cutover', 'assess'],
    requiredBy: ['capture', 'run', 'verify', 'cutover'],
    describe:
      'Connection string of the source: a replica set or a sharded cluster. Give env:NAME or file:/path to keep it out of the process list.',
    example: 'mongodb://source.example:27017/?replicaSet=rs0',
  },
  bucket: {
    type: 'string',
    group: 'Where',
    commands: WITH_BUCKET,
    requiredBy: NEEDING_BUCKET,
    describe: 'The bucket: a folder, file:///path, s3://bucket/prefix or gs://bucket/prefix.',
    example: 's3://acme-migration/shop',
  },
  target: {
    type: 'connection',
    group: 'Where',
    commands: [...WITH_TARGET, 'assess'],
    requiredBy: ['load', 'run', 'verify', 'cutover'],
    describe:
      'Connection string of the target. Give env:NAME or file:/path to keep it out of the process list.',
    example: 'env:TARGET_URI',
  },
  'target-kind': {
    type: 'enum',
    group: 'Where',
    commands: [...WITH_TARGET, 'assess'],
    choices: TARGET_KINDS,
    describe:
      'What kind of server the target is. Without this option Waybill goes by what the server says of itself, and by its host name. The kind decides which options the connection string needs, and what a load asks of the target.',
    example: 'firestore',
  },
  stream: {
    type: 'string',
    group: 'Where',
    commands: WITH_STREAM,
    default: CAPTURE_DEFAULTS.stream,
    describe: 'Name of the stream in the bucket.',
    example: 'shop-2026',
  },
  'new-stream': {
    type: 'boolean',
    group: 'Where',
    commands: ['capture', 'run'],
    describe:
      'Start a new stream even though the bucket already has others of this source. Without this option Waybill refuses, since the name is probably misspelt.',
  },
  load: {
    type: 'string',
    group: 'Where',
    commands: [...WITH_TARGET, 'control'],
    default: LOAD_DEFAULTS.load,
    describe: 'Name of the load. A load applies one stream to one target.',
    example: 'staging',
  },
} as const satisfies Readonly<Record<string, OptionSpec>>;
