/** Which document a change belongs to, and its image. */

import { asBuffer, type RawElement } from '@waybill/shared/bson/raw';
import type { Change } from './change.ts';
import { EventChange } from './event-change.ts';

export function hasDocument(change: Change): boolean {
  return change instanceof EventChange ? change.imageAt >= 0 : change.document !== null;
}

/** Gives the change its image: the document that starts at `start` of `source`. */
export function setImage(change: Change, source: Buffer, start: number): void {
  if (change instanceof EventChange) {
    change.imageSource = source;
    change.imageAt = start;
  } else {
    change.document = source.subarray(start, start + source.readInt32LE(start));
  }
}

/** Bytes of `{_id: …}` around the value: length, type, name and end. */
const ID_ONLY_BYTES = 10;

/**
 * Whether the key holds a shard key beside the `_id`. Then another shard may have another document
 * of that `_id`, or this one under another shard key. Everywhere else the `_id` alone is the key.
 */
export function namesShardKey(change: Change): boolean {
  if (change instanceof EventChange) {
    return change.source.readInt32LE(change.keyAt) > change.idEnd - change.idAt + ID_ONLY_BYTES;
  }
  return change.documentKey.length > change.id.bytes.length + ID_ONLY_BYTES;
}

/** Whether the change's `_id` is exactly the value in `b` from `start` to `end`. */
export function hasId(change: Change, type: number, b: Uint8Array, start: number, end: number): boolean {
  if (change instanceof EventChange) {
    return change.idType === type && sameBytes(change.source, change.idAt, change.idEnd, b, start, end);
  }
  const { id } = change;
  return id.type === type && sameBytes(id.bytes, 0, id.bytes.length, b, start, end);
}

/**
 * Both belong to the same document of the same name. The bytes of `_id` are compared: see {@link
 * documentIdentity}.
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
 * A document of a collection as a key of maps, by the exact bytes of `_id`. Ids that are equal to
 * the server but differ in bytes never exist at the same time; there is a delete between them.
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
