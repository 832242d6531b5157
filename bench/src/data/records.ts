/** The orders as changes and as batches of a snapshot, for measures of files. */

import { readChangeEvent } from '@waybill/capture/event/read-change-event';
import { EventChange } from '@waybill/capture/record/event-change';
import { buildArray, buildDocument, date, doc, string, timestamp, uuid } from '@waybill/shared/bson/build';
import { DocumentPlaces } from '@waybill/shared/bson/document-places';
import { documentId } from '@waybill/shared/bson/statement';
import { COLLECTION, DATABASE } from './orders.ts';

export const NAMESPACE = `${DATABASE}.${COLLECTION}`;
export const UUID = Buffer.alloc(16, 7);
export const T0 = (1_700_000_000n << 32n) | 1n;
/** Documents of one `append`: about 4 MiB, like a cursor's batch. */
const BATCH = 4_000;

/** A change as capture holds it: places in the bytes of an event. */
export function changeOf(document: Buffer, at: number): EventChange {
  const event = buildDocument([
    ['_id', doc(buildDocument([['_data', string('token')]]))],
    ['operationType', string('insert')],
    ['clusterTime', timestamp(T0 + BigInt(at))],
    ['wallTime', date(1_700_000_000_000 + at)],
    [
      'ns',
      doc(
        buildDocument([
          ['db', string(DATABASE)],
          ['coll', string(COLLECTION)],
        ]),
      ),
    ],
    ['collectionUUID', uuid(UUID)],
    ['documentKey', doc(keyOf(document))],
    ['fullDocument', doc(document)],
  ]);
  const traits = { namespaceHash: 1, laneHash: null, lanes: 1, capped: false };
  const change = new EventChange(readChangeEvent(event), NAMESPACE, traits);
  change.sequence = at + 1;
  return change;
}

export const keyOf = (document: Buffer): Buffer => buildDocument([['_id', documentId(document)]]);

/** Batches as a cursor's replies bring them. */
export function inBatches(documents: readonly Buffer[]): DocumentPlaces[] {
  const batches: DocumentPlaces[] = [];
  for (let at = 0; at < documents.length; at += BATCH) {
    batches.push(DocumentPlaces.ofArray(buildArray(documents.slice(at, at + BATCH).map(doc))));
  }
  return batches;
}
