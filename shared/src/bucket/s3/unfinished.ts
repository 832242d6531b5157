/**
 * Multipart uploads that a crash has left behind: no listing shows them, and the store bills their
 * parts.
 */
import {
  AbortMultipartUploadCommand,
  ListMultipartUploadsCommand,
  type ListMultipartUploadsCommandOutput,
  type MultipartUpload,
} from '@aws-sdk/client-s3';
import type { UnfinishedOptions } from '../bucket.ts';
import type { S3Calls } from './calls.ts';
import { faultOf, s3Error } from './error.ts';

export async function abortOldUploads(
  calls: S3Calls,
  prefix: string,
  { olderThanMs, isOurs, signal }: UnfinishedOptions,
): Promise<number> {
  let removed = 0;
  for await (const { Key, UploadId, Initiated } of uploads(calls, prefix, signal)) {
    // Without a time of its own nobody knows that it is old.
    if (!Key || !UploadId || !Initiated || Date.now() - Initiated.getTime() <= olderThanMs) continue;
    if (!isOurs(Key.slice(calls.prefix.length))) continue;
    try {
      await calls.send(new AbortMultipartUploadCommand({ ...calls.inBucket(), Key, UploadId }), { signal });
      removed++;
    } catch (error) {
      if (signal?.aborted || faultOf(error).status !== 404)
        throw s3Error(error, 'delete', prefix, calls.place);
    }
  }
  return removed;
}

async function* uploads(
  calls: S3Calls,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<MultipartUpload> {
  let page: ListMultipartUploadsCommandOutput | undefined;
  do {
    page = await uploadsPage(calls, prefix, page, signal);
    yield* page.Uploads ?? [];
  } while (page.IsTruncated);
}

async function uploadsPage(
  calls: S3Calls,
  prefix: string,
  before: ListMultipartUploadsCommandOutput | undefined,
  signal: AbortSignal | undefined,
): Promise<ListMultipartUploadsCommandOutput> {
  const command = new ListMultipartUploadsCommand({
    ...calls.inBucket(),
    Prefix: calls.prefix + prefix,
    ...(before && { KeyMarker: before.NextKeyMarker, UploadIdMarker: before.NextUploadIdMarker }),
  });
  try {
    return await calls.send(command, { signal });
  } catch (error) {
    throw s3Error(error, 'list', prefix, calls.place);
  }
}
