import { DEFAULT_TIMEOUT_MS } from '@waybill/shared/bucket/store-options';
import { WITH_BUCKET, WRITING } from '../spec/commands.ts';
import type { OptionSpec } from '../spec/option.ts';

const GROUP =
  'Bucket (S3 and Google Cloud Storage; credentials come from the environment, as for their own tools)';

/** How the bucket is reached and written, where it is not a folder. */
export const BUCKET_OPTIONS = {
  'bucket-endpoint': {
    type: 'string',
    group: GROUP,
    commands: WITH_BUCKET,
    describe:
      'URL of the service that speaks S3 or the API of Google Cloud Storage: MinIO, Ceph, R2, OSS, COS, an emulator, a private endpoint. Default: AWS or Google.',
    example: 'https://minio.example:9000',
  },
  'bucket-region': {
    type: 'string',
    group: GROUP,
    commands: WITH_BUCKET,
    describe:
      "S3: the bucket's region. Default: AWS_REGION or the profile's region, otherwise us-east-1. R2 wants auto.",
    example: 'eu-central-1',
  },
  'bucket-path-style': {
    type: 'boolean',
    group: GROUP,
    commands: WITH_BUCKET,
    describe:
      "S3: put the bucket's name into the path of each request instead of the host's name. Done by itself where the endpoint is an IP address or localhost.",
  },
  'bucket-kms-key': {
    type: 'string',
    group: GROUP,
    commands: [...WRITING, 'gc'],
    describe:
      'Encrypt new objects with this key: the ARN or id of an AWS KMS key, or the resource name of a Google Cloud KMS key. Default: as the bucket is set up.',
    example: 'arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab',
  },
  'bucket-storage-class': {
    type: 'string',
    group: GROUP,
    commands: WRITING,
    describe:
      "Storage class of new objects of 128 KiB and more; smaller ones, such as the manifest's, keep the bucket's own. Default: as the bucket is set up.",
    example: 'STANDARD_IA',
  },
  'bucket-user-project': {
    type: 'string',
    group: GROUP,
    commands: WITH_BUCKET,
    describe:
      'Google Cloud Storage: the project that pays for requests to a requester-pays bucket. S3: any value agrees to pay as the requester.',
    example: 'acme-billing',
  },
  'bucket-ca-file': {
    type: 'string',
    group: GROUP,
    commands: WITH_BUCKET,
    describe:
      "A PEM file of certificate authorities to trust for the bucket's endpoint, besides those of the system.",
    example: '/etc/ssl/private-ca.pem',
  },
  'bucket-timeout': {
    type: 'duration',
    group: GROUP,
    commands: WITH_BUCKET,
    min: 1000,
    max: 600_000,
    default: DEFAULT_TIMEOUT_MS,
    describe:
      'A request on whose connection nothing comes or goes for this long is given up and tried again.',
  },
  'unsafe-single-writer': {
    type: 'boolean',
    group: GROUP,
    commands: WRITING,
    describe:
      'Use a store that has no put-if-absent all the same. Two processes on one stream are then not told apart and can destroy it: you make sure that there is only one. The log and the manifest say so.',
  },
} as const satisfies Readonly<Record<string, OptionSpec>>;
