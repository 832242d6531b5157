/**
 * Garbage collection of one stream (BF-7). Commits, and whatever a commit names, are never deleted.
 *
 * 1. Every commit is read, strictly: a manifest that is not whole ends it here.
 * 2. The store's clock is read before anything is listed, so ages come out too small rather than
 *    too large.
 * 3. Before each batch is deleted the commits made since are read: what was named meanwhile stays.
 * 4. Between that look and the deletion somebody may still commit a file of the batch. A fenced
 *    writer cannot; for others the least age stands in between.
 * A crash at any await leaves less garbage than before.
 */

import { throwIfAborted } from '@waybill/shared/base/lifecycle';
import { type Bucket, UNFINISHED_AGE_MS } from '@waybill/shared/bucket/bucket';
import { isUploadOfOurs, streamPrefix } from '@waybill/shared/manifest/keys';
import { type LogOptions, retried } from '@waybill/shared/manifest/options';
import PQueue from 'p-queue';
import type { LogSurvey } from '../fsck/survey.ts';
import {
  type AgeRule,
  type Garbage,
  type GarbageKind,
  type Kept,
  oldProbes,
  staleCheckpoints,
  unnamedFiles,
} from './garbage.ts';
import { NamedSegments } from './named-segments.ts';
import type { GcSettings } from './settings.ts';
import { storeClock } from './store-clock.ts';

export interface GcDeps extends LogOptions {
  readonly bucket: Bucket;
}

export interface GarbageItem {
  readonly kind: GarbageKind;
  readonly key: string;
  readonly bytes: number;
  /** By the store's clock. */
  readonly ageSeconds: number;
}

export interface GcReport {
  readonly bucket: string;
  readonly stream: string;
  readonly minAgeSeconds: number;
  /** False: a dry run, and all of it is still there. */
  readonly deleted: boolean;
  readonly count: number;
  readonly bytes: number;
  /** The first thousand. */
  readonly items: readonly GarbageItem[];
  /** Files that no commit names and that stay. */
  readonly kept: Readonly<Kept>;
  /** Parts of uploads that never ended; null in a dry run, which cannot tell. */
  readonly unfinishedUploads: number | null;
}

const BATCH = 1000;
const DELETIONS_AT_ONCE = 8;
const MOST_ITEMS = 1000;

/**
 * @throws STREAM_MISSING, MANIFEST_CORRUPT, FORMAT_UNSUPPORTED; the bucket's errors; the signal's
 *   reason
 */
export async function runGc(settings: GcSettings, deps: GcDeps): Promise<GcReport> {
  const { stream, minAge } = settings;
  const { bucket } = deps;
  const { named, surveys } = await NamedSegments.read(bucket, stream, deps);
  const rule: AgeRule = { now: await storeClock(bucket, deps), minAge };
  const kept: Kept = { young: 0, youngBytes: 0, foreign: 0 };
  const items: GarbageItem[] = [];
  let count = 0;
  let bytes = 0;
  for await (const batch of batches(candidates({ stream, named, surveys, rule, kept }, deps))) {
    const chosen = settings.delete ? await deleteBatch(batch, named, deps) : batch;
    for (const each of chosen) {
      count++;
      bytes += each.bytes;
      if (items.length < MOST_ITEMS) items.push(itemOf(each, rule));
    }
  }
  return {
    bucket: bucket.url,
    stream,
    minAgeSeconds: minAge / 1000,
    deleted: settings.delete,
    count,
    bytes,
    items,
    kept,
    unfinishedUploads: settings.delete ? await removeUnfinished(stream, rule, deps) : null,
  };
}

interface Search {
  readonly stream: string;
  readonly named: NamedSegments;
  readonly surveys: readonly LogSurvey[];
  readonly rule: AgeRule;
  readonly kept: Kept;
}

async function* candidates(
  { stream, named, surveys, rule, kept }: Search,
  deps: GcDeps,
): AsyncGenerator<Garbage> {
  const { bucket, signal } = deps;
  const own = streamPrefix(stream);
  yield* unnamedFiles(bucket, { kind: 'segment', prefix: own }, named, rule, kept, signal);
  for (const { prefix } of surveys.filter((survey) => survey.prefix !== own)) {
    yield* unnamedFiles(bucket, { kind: 'dead-letters', prefix }, named, rule, kept, signal);
  }
  for (const survey of surveys) yield* staleCheckpoints(bucket, survey, deps);
  yield* oldProbes(bucket, rule, signal);
}

async function* batches(all: AsyncIterable<Garbage>): AsyncGenerator<readonly Garbage[]> {
  let batch: Garbage[] = [];
  for await (const each of all) {
    batch.push(each);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** @returns what of the batch was deleted */
async function deleteBatch(
  batch: readonly Garbage[],
  named: NamedSegments,
  deps: GcDeps,
): Promise<readonly Garbage[]> {
  const { bucket, signal } = deps;
  await named.advance();
  const chosen = batch.filter(({ key }) => !named.has(key));
  const queue = new PQueue({ concurrency: DELETIONS_AT_ONCE });
  const remove =
    ({ key }: Garbage) =>
    async (): Promise<void> => {
      throwIfAborted(signal);
      await retried((call) => bucket.delete(key, call), deps);
    };
  try {
    await queue.addAll(chosen.map(remove));
  } finally {
    // After a failure: what has begun ends before anybody hears of it, and nothing else begins.
    queue.clear();
    await queue.onIdle();
  }
  return chosen;
}

/** Stores compare with this machine's clock: what that is ahead of theirs must not count as age. */
function removeUnfinished(stream: string, rule: AgeRule, { bucket, signal }: GcDeps): Promise<number> {
  const ahead = Date.now() - rule.now;
  const olderThanMs = Math.max(rule.minAge, UNFINISHED_AGE_MS) + ahead;
  return bucket.removeUnfinished(`${streamPrefix(stream)}/`, { olderThanMs, isOurs: isUploadOfOurs, signal });
}

function itemOf({ kind, key, bytes, modifiedAt }: Garbage, { now }: AgeRule): GarbageItem {
  return { kind, key, bytes, ageSeconds: Math.max(0, Math.round((now - modifiedAt) / 1000)) };
}
