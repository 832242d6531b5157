/** Looks at everything that a stream has captured: snapshot, changes, structure. */
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { Commit, SegmentEntry } from '@waybill/shared/manifest/commit';
import { segmentKey, streamPrefix } from '@waybill/shared/manifest/keys';
import { readCommits, readManifest } from '@waybill/shared/manifest/log';
import type { NamespaceFilter } from '@waybill/shared/mongo/facts/namespace-filter';
import { readSegment } from '@waybill/shared/segment/read/reader';
import PQueue from 'p-queue';
import type { Assessment } from './assessment.ts';

export interface AssessStreamDeps {
  readonly bucket: Bucket;
  readonly stream: string;
  readonly filter: NamespaceFilter;
  readonly signal: AbortSignal;
}

/** While one segment is looked at, the next ones are fetched. Each is in memory whole. */
const SEGMENTS_AT_ONCE = 3;

/** Up to the commit that is the last one now. */
export async function assessStream(assessment: Assessment, deps: AssessStreamDeps): Promise<void> {
  const { bucket, stream, signal } = deps;
  const prefix = streamPrefix(stream);
  const head = await readManifest(bucket, prefix, { signal });
  const { snapshotDocumentBytes, changeDocumentBytes } = head.totals;
  assessment.stats.bytesTotal = snapshotDocumentBytes + changeDocumentBytes;
  const queue = new PQueue({ concurrency: SEGMENTS_AT_ONCE });
  let failed: { readonly error: unknown } | null = null;
  try {
    for await (const { commit } of readCommits(bucket, prefix, { signal })) {
      lookAtStructure(assessment, deps, commit);
      for (const entry of commit.segments ?? []) {
        void queue.add(async () => {
          try {
            if (failed === null) await lookAtSegment(assessment, deps, entry);
          } catch (error) {
            failed ??= { error };
          }
        });
        await queue.onSizeLessThan(1);
      }
      if (commit.seq >= head.seq || failed !== null) break;
    }
  } finally {
    await queue.onIdle();
  }
  throwFailure(failed);
}

function throwFailure(failed: { readonly error: unknown } | null): void {
  if (failed !== null) throw failed.error;
}

function lookAtStructure(assessment: Assessment, { filter }: AssessStreamDeps, commit: Commit): void {
  for (const { namespace, type, options, indexes } of commit.collections ?? []) {
    if (!filter.matches(namespace)) continue;
    assessment.structure.look({
      namespace,
      type,
      options: Buffer.from(options, 'base64'),
      indexes: indexes.map((index) => Buffer.from(index, 'base64')),
    });
  }
  for (const event of commit.ddl ?? []) {
    if (event.operation === 'dropDatabase' || filter.matches(event.namespace)) {
      assessment.structure.lookAtChange(event);
    }
  }
}

async function lookAtSegment(
  assessment: Assessment,
  { bucket, stream, filter, signal }: AssessStreamDeps,
  entry: SegmentEntry,
): Promise<void> {
  const { namespace } = entry;
  if (namespace !== undefined && !filter.matches(namespace)) {
    assessment.stats.bytesTotal -= entry.documentBytes;
    return;
  }
  const key = segmentKey(streamPrefix(stream), entry.key);
  for await (const block of readSegment(bucket, key, entry, { signal })) {
    if (block.kind === 'snapshot') {
      for (const document of block.documents) assessment.look(namespace ?? '', document, 'documents');
      continue;
    }
    for (const { document, namespace: of } of block.records) {
      if (document !== null && filter.matches(of)) assessment.look(of, document, 'changedDocuments');
    }
  }
}
