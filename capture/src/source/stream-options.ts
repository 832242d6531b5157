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
  /** Structure events, and uuids; from 6.0. */
  readonly showExpandedEvents: boolean;
  /** Events beyond 16 MiB come in pieces; from 6.0.9 and 7.0. */
  readonly splitLargeEvents: boolean;
  /** Ask for stored post-images. */
  readonly postImages: boolean;
  /**
   * The filter that the server applies, as a $match; null takes everything. Its results are
   * filtered again here.
   */
  readonly match: { readonly [name: string]: Plain } | null;
}

/** Where a stream starts: after a token, which may be an invalidate's; or at a time, inclusive. */
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
    // From 6.0; before that, no collection can store one.
    postImages: wishes.images === 'post' && major >= 6,
    match: serverMatch(wishes.included, wishes.excluded),
  };
}

/**
 * A $match for the server, made of whole names and whole databases. The server turns these into a
 * filter on its oplog. It evaluates regular expressions event by event: if most events match, that
 * costs the source half as much again and more. So wildcards are left to us.
 *
 * `to` lets renames into the list through. Documents of excluded names are not sent, so it does not
 * matter if the server cannot send one. Structure events of excluded collections are sent, since a
 * rename may bring one in.
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
  // A dropDatabase names no collection, but the drops of its collections come before it.
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
 * The aggregate's `pipeline` as raw BSON, which leaves tokens as they are.
 * @param more stages after the filter
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
    // startAfter (from 4.2) takes every token; resumeAfter takes none of an invalidate.
    const { wireVersion } = server;
    fields.push([wireVersion >= 8 ? 'startAfter' : 'resumeAfter', doc(start.token)]);
  }
  if (start.at === 'time') fields.push(['startAtOperationTime', timestamp(start.time)]);
  const stages = [buildDocument([['$changeStream', doc(buildDocument(fields))]])];
  if (options.match) stages.push(fromObject({ $match: options.match }));
  stages.push(...more);
  // It must be the last stage.
  if (options.splitLargeEvents) stages.push(fromObject({ $changeStreamSplitLargeEvent: {} }));
  return buildArray(stages.map(doc));
}
