import { createHash } from 'node:crypto';
import type { ClusterTime } from '@waybill/shared/base/position';
import {
  boolean,
  buildArray,
  buildDocument,
  doc,
  fromObject,
  type Plain,
  string,
  timestamp,
} from '@waybill/shared/bson/build';
import type { RawElement } from '@waybill/shared/mongo/driver/raw-value';
import type { ServerInfo } from '@waybill/shared/mongo/driver/server-info';
import type { NamespaceLists } from '@waybill/shared/mongo/facts/namespace-filter';

/** Everything that a resume token depends on. */
export interface StreamOptions {
  /** DDL events with uuids; from 6.0. */
  readonly showExpandedEvents: boolean;
  /** Events beyond 16 MiB come in pieces; from 6.0.9 and 7.0. */
  readonly splitLargeEvents: boolean;
  /** Ask for stored post-images. */
  readonly postImages: boolean;
  /**
   * The server's own filter, as a $match; null takes everything. What it lets through is filtered
   * again here.
   */
  readonly match: { readonly [name: string]: Plain } | null;
}

/** Where a stream starts. Token: after it; it may be an invalidate's. Time: at it, inclusive. */
export type StreamStart =
  | { readonly at: 'now' }
  | { readonly at: 'token'; readonly token: Uint8Array }
  | { readonly at: 'time'; readonly time: ClusterTime };

export interface StreamWishes {
  readonly images: 'lookup' | 'post' | 'none';
  /** Null takes everything. */
  readonly included: NamespaceLists | null;
  readonly excluded: NamespaceLists;
}

export function streamOptions(server: ServerInfo, wishes: StreamWishes): StreamOptions {
  const [major = 0, minor = 0, patch = 0] = server.versionArray;
  return {
    showExpandedEvents: major >= 6,
    splitLargeEvents: major >= 7 || (major === 6 && (minor > 0 || patch >= 9)),
    // From 6.0; before, a collection can store none.
    postImages: wishes.images === 'post' && major >= 6,
    match: serverMatch(wishes.included, wishes.excluded),
  };
}

/**
 * A $match for included names where all of them are plain, or whole databases: lists of whole
 * names, which the server turns into a filter on its oplog. Regular expressions are evaluated event
 * by event, and cost the source half as much again and more where most events match; so wildcards
 * are left to us. `to` lets renames into the list through. Documents of excluded names are not sent
 * at all, so that one which the server cannot send does not matter; what becomes of their
 * collections is, since a rename may bring one in.
 */
export function serverMatch(
  included: NamespaceLists | null,
  excluded: NamespaceLists,
): { readonly [name: string]: Plain } | null {
  const out = documentsOf(excluded);
  if (included === null) return out.length === 0 ? null : { $nor: out };
  return { ...isOf(included), ...(out.length > 0 && { $nor: out }) };
}

function documentsOf({ databases, namespaces }: NamespaceLists): Plain[] {
  const operationType = { $in: ['insert', 'update', 'replace', 'delete'] };
  return [
    ...(databases.length > 0 ? [{ operationType, 'ns.db': { $in: databases } }] : []),
    ...(namespaces.length > 0 ? [{ operationType, ns: { $in: namespaces } }] : []),
  ];
}

function isOf({ databases, namespaces }: NamespaceLists): { readonly [name: string]: Plain } {
  const either: Plain[] = [];
  if (databases.length > 0) {
    either.push({ 'ns.db': { $in: databases } }, { 'to.db': { $in: databases } });
  }
  // A dropDatabase names no collection; the drops of its collections come before it by themselves.
  if (namespaces.length > 0) either.push({ ns: { $in: namespaces } }, { to: { $in: namespaces } });
  // It has no namespace, and the server ends the stream with it.
  either.push({ operationType: 'invalidate' });
  return { $or: either };
}

export function optionsHash(options: StreamOptions): string {
  const { showExpandedEvents, splitLargeEvents, postImages, match } = options;
  const text = JSON.stringify([1, showExpandedEvents, splitLargeEvents, postImages, match]);
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

/**
 * The aggregate's `pipeline`, as raw BSON: tokens stay the bytes they are. `more`: stages after the
 * filter.
 */
export function streamPipeline(
  options: StreamOptions,
  start: StreamStart,
  server: ServerInfo,
  more: readonly Buffer[] = [],
): Buffer {
  const fields: [string, RawElement][] = [['allChangesForCluster', boolean(true)]];
  if (options.showExpandedEvents) fields.push(['showExpandedEvents', boolean(true)]);
  if (options.postImages) fields.push(['fullDocument', string('whenAvailable')]);
  if (start.at === 'token') {
    // startAfter (from 4.2) takes every token, resumeAfter none of an invalidate.
    const { wireVersion } = server;
    fields.push([wireVersion >= 8 ? 'startAfter' : 'resumeAfter', doc(start.token)]);
  }
  if (start.at === 'time') fields.push(['startAtOperationTime', timestamp(start.time)]);
  const stages = [buildDocument([['$changeStream', doc(buildDocument(fields))]])];
  if (options.match) stages.push(fromObject({ $match: options.match }));
  stages.push(...more);
  // The last stage there may be.
  if (options.splitLargeEvents) stages.push(fromObject({ $changeStreamSplitLargeEvent: {} }));
  return buildArray(stages.map(doc));
}
