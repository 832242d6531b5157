/** Which document a change is of, and what it has of it. */

import { asBuffer, type RawElement } from '@waybill/shared/bson/raw';
import type { Change } from './change.ts';
import { EventChange } from './event-change.ts';

export function hasDocument(change: Change): boolean {
  return change instanceof EventChange ? change.imageAt >= 0 : change.document !== null;
}

/** The image of a change: the document that starts at `start` of `source`. */
export function setImage(change: Change, source: Buffer, start: number): void {
  if (change instanceof EventChange) {
    change.imageSource = source;
    change.imageAt = start;
  } else {
    change.document = source.subarray(start, start + source.readInt32LE(start));
  }
}

/** What `{_id: …}` has around the value: its length, the type, the name, and its end. */
const ID_ONLY_BYTES = 10;

/**
 * The key holds a shard key beside the `_id`: another document of that `_id` may stand on another
 * shard, or this one under another shard key. A document's `_id` alone is its key everywhere else.
 */
export function namesShardKey(change: Change): boolean {
  if (change instanceof EventChange) {
    return change.source.readInt32LE(change.keyAt) > change.idEnd - change.idAt + ID_ONLY_BYTES;
  }
  return change.documentKey.length > change.id.bytes.length + ID_ONLY_BYTES;
}

/** Whether the change's `_id` is exactly the value that lies in `b` from `start` to `end`. */
export function hasId(change: Change, type: number, b: Uint8Array, start: number, end: number): boolean {
  if (change instanceof EventChange) {
    return change.idType === type && sameBytes(change.source, change.idAt, change.idEnd, b, start, end);
  }
  const { id } = change;
  return id.type === type && sameBytes(id.bytes, 0, id.bytes.length, b, start, end);
}

/**
 * Both are of the same document of the same name. Exact bytes of `_id`: see
 * {@link documentIdentity}.
 */
export function isSameDocument(a: Change, b: Change): boolean {
  if (a.hash !== b.hash || a.namespace !== b.namespace) return false;
  if (b instanceof EventChange) return hasId(a, b.idType, b.source, b.idAt, b.idEnd);
  return hasId(a, b.id.type, b.id.bytes, 0, b.id.bytes.length);
}

export function isSameUuid(a: Change, b: Change): boolean {
  if (a instanceof EventChange && b instanceof EventChange && a.uuidAt >= 0 && b.uuidAt >= 0) {
    return sameBytes(a.source, a.uuidAt, a.uuidAt + 16, b.source, b.uuidAt, b.uuidAt + 16);
  }
  const { collectionUuid: one } = a;
  const { collectionUuid: other } = b;
  return one === null || other === null ? one === other : Buffer.compare(one, other) === 0;
}

function sameBytes(
  a: Uint8Array,
  from: number,
  to: number,
  b: Uint8Array,
  start: number,
  end: number,
): boolean {
  if (to - from !== end - start) return false;
  for (let i = from, j = start; i < to; i++, j++) if (a[i] !== b[j]) return false;
  return true;
}

/**
 * One document of one collection, as a key of maps. Exact bytes of `_id`: ids that are equal to the
 * server but differ in bytes never live at the same time, and between them lies a delete of the one
 * that was there.
 */
export function documentIdentity(namespace: string, id: RawElement): string {
  const { bytes } = id;
  const text = asBuffer(bytes).toString('latin1');
  return `${namespace}\0${String.fromCharCode(id.type)}${text}`;
}

export function sameTransaction(a: Change, b: Change): boolean {
  if (a.transaction === null || b.transaction === null) return false;
  return (
    a.clusterTime === b.clusterTime &&
    a.transaction.number === b.transaction.number &&
    Buffer.compare(a.transaction.session, b.transaction.session) === 0
  );
}
