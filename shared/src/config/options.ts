/**
 * Every option of every command, once. Flags, environment variables (`WAYBILL_` and the name in capitals), keys of
 * waybill.yaml, `--help` and docs/options.md all come from this table.
 */
import type { Secret } from '../secret.ts';
import type { OptionSpec } from './option.ts';

const EVERYWHERE = ['capture', 'load', 'run', 'status', 'verify', 'cutover', 'fsck', 'gc', 'demo'] as const;
const WITH_BUCKET = ['capture', 'load', 'run', 'status', 'verify', 'cutover', 'fsck', 'gc'] as const;
const WITH_TARGET = ['load', 'run', 'status', 'verify', 'cutover'] as const;
const CAPTURING = ['capture', 'run'] as const;
const FILTERING = ['capture', 'load', 'run'] as const;
const LOADING = ['load', 'run'] as const;
const WRITING = ['capture', 'load', 'run', 'cutover'] as const;

const CLOUD =
  'Bucket (S3 and Google Cloud Storage; credentials come from the environment, as for their own tools)';
const STREAM = 'Stream (fixed when it is created)';
const MiB = 2 ** 20;

export const OPTIONS = {
  source: {
    type: 'connection',
    group: 'Where',
    commands: ['capture', 'run', 'status', 'verify', 'cutover'],
    requiredBy: ['capture', 'run', 'verify', 'cutover'],
    describe:
      'Connection string of the source, a replica set or a sharded cluster. env:NAME or file:/path keeps it out of the process list.',
    example: 'mongodb://source.example:27017/?replicaSet=rs0',
  },
  bucket: {
    type: 'string',
    group: 'Where',
    commands: WITH_BUCKET,
    requiredBy: WITH_BUCKET,
    describe: 'The bucket: a folder or its file:// URL, s3://bucket/prefix, or gs://bucket/prefix.',
    example: 's3://acme-migration/shop',
  },
  target: {
    type: 'connection',
    group: 'Where',
    commands: WITH_TARGET,
    requiredBy: ['load', 'run', 'verify', 'cutover'],
    describe: 'Connection string of the target. env:NAME or file:/path keeps it out of the process list.',
    example: 'env:TARGET_URI',
  },
  stream: {
    type: 'string',
    group: 'Where',
    commands: WITH_BUCKET,
    default: 'default',
    describe: 'Name of the stream in the bucket.',
    example: 'shop-2026',
  },
  load: {
    type: 'string',
    group: 'Where',
    commands: WITH_TARGET,
    default: 'default',
    describe: 'Name of the load: one application of a stream to one target.',
    example: 'staging',
  },

  'bucket-endpoint': {
    type: 'string',
    group: CLOUD,
    commands: WITH_BUCKET,
    describe:
      'URL of the service that speaks S3 or the API of Google Cloud Storage: MinIO, Ceph, R2, OSS, COS, an emulator, a private endpoint. Default: AWS or Google.',
    example: 'https://minio.example:9000',
  },
  'bucket-region': {
    type: 'string',
    group: CLOUD,
    commands: WITH_BUCKET,
    describe:
      "S3: the bucket's region. Default: AWS_REGION or the profile's region, otherwise us-east-1. R2 wants auto.",
    example: 'eu-central-1',
  },
  'bucket-path-style': {
    type: 'boolean',
    group: CLOUD,
    commands: WITH_BUCKET,
    describe:
      "S3: put the bucket's name into the path of each request instead of the host's name. Done by itself where the endpoint is an IP address or localhost.",
  },
  'bucket-kms-key': {
    type: 'string',
    group: CLOUD,
    commands: [...WRITING, 'gc'],
    describe:
      'Encrypt new objects with this key: the ARN or id of an AWS KMS key, or the resource name of a Google Cloud KMS key. Default: as the bucket is set up.',
    example: 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
  },
  'bucket-storage-class': {
    type: 'string',
    group: CLOUD,
    commands: WRITING,
    describe:
      "Storage class of new objects of 128 KiB and more; smaller ones, such as the manifest's, keep the bucket's own. Default: as the bucket is set up.",
    example: 'STANDARD_IA',
  },
  'bucket-user-project': {
    type: 'string',
    group: CLOUD,
    commands: WITH_BUCKET,
    describe:
      'Google Cloud Storage: the project that pays for requests to a requester-pays bucket. S3: any value agrees to pay as the requester.',
    example: 'acme-billing',
  },
  'bucket-ca-file': {
    type: 'string',
    group: CLOUD,
    commands: WITH_BUCKET,
    describe:
      "A PEM file of certificate authorities to trust for the bucket's endpoint, besides those of the system.",
    example: '/etc/ssl/private-ca.pem',
  },
  'bucket-timeout': {
    type: 'duration',
    group: CLOUD,
    commands: WITH_BUCKET,
    min: 1000,
    max: 600_000,
    default: '30s',
    describe:
      'A request on whose connection nothing comes or goes for this long is given up and tried again.',
  },
  'unsafe-single-writer': {
    type: 'boolean',
    group: CLOUD,
    commands: WRITING,
    describe:
      'Use a store that has no put-if-absent all the same. Two processes on one stream are then not told apart and can destroy it: you make sure that there is only one. The log and the manifest say so.',
  },

  include: {
    type: 'list',
    group: STREAM,
    commands: FILTERING,
    describe:
      'Namespaces to take: shop, shop.orders, shop.*, with * for any text. Repeat it or divide by commas. Default: all. For load: of those in the stream; fixed when the load is first started.',
    example: 'shop.orders,crm.*',
  },
  exclude: {
    type: 'list',
    group: STREAM,
    commands: FILTERING,
    describe: 'Namespaces to leave out, in the same forms; wins over --include.',
    example: 'shop.sessions',
  },

  format: {
    type: 'enum',
    group: STREAM,
    commands: CAPTURING,
    choices: ['avro', 'jsonl'],
    default: 'avro',
    describe: 'Format of the segments: Avro object containers, or JSON Lines.',
  },
  codec: {
    type: 'enum',
    group: STREAM,
    commands: CAPTURING,
    choices: ['zstandard', 'deflate', 'gzip', 'null'],
    default: 'zstandard',
    describe: 'Compression of the segments. deflate: Avro only; gzip: JSON Lines only.',
  },
  lanes: {
    type: 'integer',
    group: STREAM,
    commands: CAPTURING,
    min: 1,
    max: 1024,
    default: '16',
    describe:
      'Lanes of the changes: how much of a load can ever work on changes side by side. All changes of one document stay in one lane, in order.',
  },
  images: {
    type: 'enum',
    group: STREAM,
    commands: CAPTURING,
    choices: ['lookup', 'post', 'none'],
    default: 'lookup',
    describe:
      'Where the whole document beside an update comes from. lookup: read in batches after the event. post: the post-image that the server stores, and a lookup where it stores none. none: left out, and then the stream cannot be loaded.',
  },

  'chunk-size': {
    type: 'size',
    group: 'Capture',
    commands: CAPTURING,
    min: MiB,
    default: '128MiB',
    describe: 'A collection is read in _id ranges of about this size.',
  },
  'segment-size': {
    type: 'size',
    group: 'Capture',
    commands: CAPTURING,
    min: 64 * 1024,
    max: 512 * MiB,
    default: '64MiB',
    describe: 'A snapshot segment is closed at this many bytes of documents.',
  },
  'commit-size': {
    type: 'size',
    group: 'Capture',
    commands: CAPTURING,
    min: 64 * 1024,
    max: 512 * MiB,
    default: '16MiB',
    describe: 'Changes are committed when this much is buffered.',
  },
  'commit-interval': {
    type: 'duration',
    group: 'Capture',
    commands: CAPTURING,
    min: 10,
    default: '1s',
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
  'read-preference': {
    type: 'enum',
    group: 'Capture',
    commands: CAPTURING,
    choices: ['primary', 'secondaryPreferred'],
    default: 'primary',
    describe: 'Which members the snapshot reads from. Changes always follow the majority.',
  },
  'time-series': {
    type: 'enum',
    group: 'Capture',
    commands: CAPTURING,
    choices: ['refuse', 'snapshot-only'],
    default: 'refuse',
    describe:
      'Time-series collections: refuse them, since change streams do not show what is written to them, or copy what is there and nothing after.',
  },

  indexes: {
    type: 'enum',
    group: 'Load',
    commands: LOADING,
    choices: ['after-snapshot', 'last', 'none'],
    default: 'after-snapshot',
    describe:
      'When secondary indexes are built: after the snapshot; when the stream is drained; or never, not by the cutover either.',
  },
  ddl: {
    type: 'enum',
    group: 'Load',
    commands: LOADING,
    choices: ['apply', 'halt', 'ignore'],
    default: 'apply',
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
  workers: {
    type: 'integer',
    group: 'Load',
    commands: LOADING,
    min: 1,
    max: 64,
    default: '6',
    describe: 'Write commands in flight to the target at once.',
  },
  'idle-poll': {
    type: 'duration',
    group: 'Load',
    commands: LOADING,
    min: 200,
    default: '2s',
    describe:
      'The longest pause between looks for a new commit when nothing has changed for a while; each look is a request that a store bills. While the stream changes it is looked at five times a second.',
  },
  'batch-records': {
    type: 'integer',
    group: 'Load',
    commands: LOADING,
    min: 1,
    max: 100_000,
    default: '5000',
    describe: 'The most change records in one batch.',
  },
  'batch-size': {
    type: 'size',
    group: 'Load',
    commands: LOADING,
    min: 64 * 1024,
    max: 48 * MiB,
    default: '16MiB',
    describe: 'The most bytes of changed documents in one batch.',
  },

  until: {
    type: 'enum',
    group: 'Command',
    commands: ['capture', 'load', 'run'],
    choices: ['snapshot-completed', 'snapshot-applied', 'caught-up', 'drained'],
    describe:
      'Stop with success at this milestone instead of following changes. capture: snapshot-completed, caught-up. load: snapshot-applied, caught-up, drained. run: snapshot-applied, caught-up.',
    example: 'caught-up',
  },
  yes: {
    type: 'boolean',
    group: 'Command',
    commands: ['capture', 'load', 'run', 'cutover', 'demo'],
    describe: 'Answer every question with yes. cutover asks whether the application has stopped writing.',
  },
  wait: {
    type: 'duration',
    group: 'Command',
    commands: ['cutover'],
    min: 5000,
    default: '60s',
    describe:
      'Give up when capture or load show no sign of life for this long. However long the rest takes, a cutover waits while they go on.',
  },
  watch: {
    type: 'boolean',
    group: 'Command',
    commands: ['status'],
    describe: 'Show it again every two seconds until stopped.',
  },
  report: {
    type: 'string',
    group: 'Command',
    commands: ['verify', 'cutover'],
    describe: 'Write the field-level report into this file, as JSON.',
    example: 'differences.json',
  },
  deep: {
    type: 'boolean',
    group: 'Command',
    commands: ['fsck'],
    describe: 'Read every segment too: check its hash and decode every record. Reads the whole stream once.',
  },
  delete: {
    type: 'boolean',
    group: 'Command',
    commands: ['gc'],
    describe: 'Delete what is listed. Without it nothing is deleted.',
  },
  'min-age': {
    type: 'duration',
    group: 'Command',
    commands: ['gc'],
    default: '7d',
    describe:
      "Keep segments that no commit names while they are younger than this, by the bucket's own clock. What a capture that is not fenced may yet commit stays for an hour in any case.",
  },
  keep: {
    type: 'boolean',
    group: 'Command',
    commands: ['demo'],
    describe: 'Leave servers and files where they are when the demo ends, until Ctrl-C.',
  },

  config: {
    type: 'string',
    group: 'General',
    commands: EVERYWHERE,
    alias: 'c',
    describe: 'A YAML file whose keys are the names of these options. Default: none.',
    example: 'waybill.yaml',
  },
  json: {
    type: 'boolean',
    group: 'General',
    commands: EVERYWHERE,
    describe: 'Print results, and errors, as JSON.',
  },
  'log-format': {
    type: 'enum',
    group: 'General',
    commands: EVERYWHERE,
    choices: ['text', 'json'],
    default: 'text',
    describe: 'Format of the log on stderr.',
  },
  'log-level': {
    type: 'enum',
    group: 'General',
    commands: EVERYWHERE,
    choices: ['debug', 'info', 'warn', 'error', 'silent'],
    default: 'info',
    describe: 'The least severe lines to log.',
  },
  'metrics-port': {
    type: 'integer',
    group: 'General',
    commands: ['capture', 'load', 'run'],
    max: 65_535,
    describe:
      'Serve Prometheus metrics, /healthz and /readyz on this port; 0 takes a free one. Default: not served.',
    example: '9464',
  },
  'metrics-host': {
    type: 'string',
    group: 'General',
    commands: ['capture', 'load', 'run'],
    default: '127.0.0.1',
    describe: 'Address that the metrics are served on.',
    example: '0.0.0.0',
  },
} as const satisfies Readonly<Record<string, OptionSpec>>;

export type OptionName = keyof typeof OPTIONS;
type Spec<Name extends OptionName> = (typeof OPTIONS)[Name];

type Parsed<S extends OptionSpec> = S['type'] extends 'integer' | 'size' | 'duration'
  ? number
  : S['type'] extends 'boolean'
    ? boolean
    : S['type'] extends 'list'
      ? readonly string[]
      : S['type'] extends 'connection'
        ? Secret
        : S extends { readonly choices: readonly (infer Choice)[] }
          ? Choice
          : string;

/** Booleans are false and lists empty where nothing is said; what else has no default may be undefined. */
type Resolved<S extends OptionSpec> = S extends { readonly default: string }
  ? Parsed<S>
  : S['type'] extends 'boolean' | 'list'
    ? Parsed<S>
    : Parsed<S> | undefined;

/** Typed values by option name: sizes in bytes, durations in milliseconds, connections as Secrets. */
export type Options = { readonly [Name in OptionName]: Resolved<Spec<Name>> };

/** The table without its literal types. */
export const OPTION_SPECS: ReadonlyMap<OptionName, OptionSpec> = new Map(
  Object.entries(OPTIONS) as [OptionName, OptionSpec][],
);

export function isOptionName(name: string): name is OptionName {
  return Object.hasOwn(OPTIONS, name);
}

export function environmentName(name: OptionName): string {
  return `WAYBILL_${name.toUpperCase().replaceAll('-', '_')}`;
}
