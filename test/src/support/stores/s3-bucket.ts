import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3';
import type { ErrorCode } from '@waybill/shared/base/error-codes';
import { hasCode } from '@waybill/shared/base/errors';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { Dialect } from '@waybill/shared/bucket/s3/dialect';
import { openS3 } from '@waybill/shared/bucket/s3/open-s3';
import type { StoreOptions } from '@waybill/shared/bucket/store-options';
import type { S3Server } from './s3-server.ts';

export const MIB = 2 ** 20;

export const code = (expected: ErrorCode) => (error: unknown) => hasCode(error, expected);

export interface Opened {
  readonly bucket: Bucket;
  readonly name: string;
  readonly url: string;
  readonly store: StoreOptions;
}

export async function open(server: S3Server, over: StoreOptions = {}, dialect?: Dialect): Promise<Opened> {
  Object.assign(process.env, server.env);
  const store = { endpoint: server.endpoint, region: server.region, ...over };
  const name = await server.createBucket();
  const url = `s3://${name}/some/prefix`;
  return { bucket: await openS3(url, { store }, dialect), name, url, store };
}

export async function uploadsIn(server: S3Server, name: string): Promise<number> {
  const { Uploads } = await server.client.send(new ListMultipartUploadsCommand({ Bucket: name }));
  return Uploads?.length ?? 0;
}

export async function* megabytes(count: number, from = 0): AsyncGenerator<Buffer> {
  for (let i = 0; i < count; i++) yield Buffer.alloc(MIB, from + i);
}
