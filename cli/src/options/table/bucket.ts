import { DEFAULT_TIMEOUT_MS } from '@waybill/shared/bucket/store-options';
import { WITH_BUCKET, WRITING } from '../spec/commands.ts';
import type { OptionSpec } from '../spec/option.ts';

const GROUP =
  'Bucket (S3 and Google Cloud Storage; credentials come from the environment, as for their own tools)';

/** How to reach and write a bucket that is not a folder. */
export const BUCKET_OPTIONS = {
  'bucket-endpoint': {
    type: 'string',
    group: GROUP,
    commands: WITH_BUCKET,
    describe:
      'URL of the service, if it is not AWS or Google itself: MinIO, Ceph, R2, OSS, COS, an emulator or a private endpoint.',
    example: 'https://minio.example:9000',
  },
  'bucket-region': {
    type: 'string',
    group: GROUP,
    commands: WITH_BUCKET,
    describe:
      'S3: the region of the bucket. Default: AWS_REGION, then the region of the AWS profile, then us-east-1. R2 wants auto.',
    example: 'eu-central-1',
  },
  'bucket-path-style': {
    type: 'boolean',
    group: GROUP,
    commands: WITH_BUCKET,
    describe:
      'S3: put the name of the bucket into the path of the URL instead of the host name. Always on if the endpoint is an IP address or localhost.',
  },
  'bucket-kms-key': {
    type: 'string',
    group: GROUP,
    commands: [...WRITING, 'gc'],
    describe:
      'Encrypt new objects with this key: the ARN or id of an AWS KMS key, or the resource name of a Google Cloud KMS key. Default: the encryption of the bucket.',
    example: 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
  },
  'bucket-storage-class': {
    type: 'string',
    group: GROUP,
    commands: WRITING,
    describe:
      'Storage class of new objects of 128 KiB and more. Smaller objects, such as those of the manifest, keep the class of the bucket. Default: the class of the bucket.',
    example: 'STANDARD_IA',
  },
  'bucket-user-project': {
    type: 'string',
    group: GROUP,
    commands: WITH_BUCKET,
    describe:
      'Google Cloud Storage: the project that pays for requests to a requester-pays bucket. S3: any value agrees to pay.',
    example: 'acme-billing',
  },
  'bucket-ca-file': {
    type: 'string',
    group: GROUP,
    commands: WITH_BUCKET,
    describe:
      'A PEM file of certificate authorities to trust for the endpoint, in addition to those of the system.',
    example: '/etc/ssl/private-ca.pem',
  },
  'bucket-timeout': {
    type: 'duration',
    group: GROUP,
    commands: WITH_BUCKET,
    min: 1000,
    max: 600_000,
    default: DEFAULT_TIMEOUT_MS,
    describe: 'Give up a request, and try again, when its connection has been silent for this long.',
  },
  'unsafe-single-writer': {
    type: 'boolean',
    group: GROUP,
    commands: WRITING,
    describe:
      'Use a store that lacks put-if-absent. Waybill then cannot tell two processes on one stream apart, and they can destroy it: you must make sure that only one runs. The log and the manifest record this.',
  },
} as const satisfies Readonly<Record<string, OptionSpec>>;
