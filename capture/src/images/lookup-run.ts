/** One commit's lookups: what is asked, what is found, and what is missing. */

import type { ClusterTime } from '@waybill/shared/base/position';
import { array, buildArray, buildDocument, doc, string, timestamp } from '@waybill/shared/bson/build';
import { documentHash } from '@waybill/shared/bson/canonical-key';
import { eachDocument, locateElement, type RawElement } from '@waybill/shared/bson/raw';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { rawDocument } from '@waybill/shared/mongo/driver/raw-value';
import { collectionUuidField } from '@waybill/shared/mongo/facts/collection-identity';
import type { Change } from '../record/change.ts';
import type { DocumentTable } from '../record/document-table.ts';
import { namesShardKey, setImage } from '../record/documents.ts';
import type { ImageWants } from './image-plan.ts';

const ID = Buffer.from('_id');

export interface Missing {
  readonly change: Change;
  /** The source's operation time at the lookup. */
  readonly lookedUpAt: ClusterTime;
}

/** Nothing was found. A delete is expected to find nothing. */
export function isMissing({ documentOrigin, operation }: Change): boolean {
  return documentOrigin !== 'lookup' && operation !== 'delete';
}

/** Images that a lost cursor has brought stay: they were read after the event, like the others. */
export function markMissing(part: ImageWants, run: LookupRun, lookedUpAt: ClusterTime): void {
  for (const change of part.changes) {
    if (!isMissing(change)) continue;
    change.documentOrigin = 'missing';
    run.missing.push({ change, lookedUpAt });
  }
}

/**
 * Gives every document of a reply to the change that waits for it. If an id is equal to the server
 * but differs in bytes, the document is a later one, and ours is missing.
 */
export function attachFound(
  array: Buffer,
  waiting: DocumentTable,
  ofNamespace: number,
  sharded: ShardedFinds,
): void {
  eachDocument(array, (start) => {
    const id = locateElement(array, start, ID);
    if (id === undefined) return;
    const hash = documentHash(ofNamespace, id.type, array, id.start, id.end);
    const change = waiting.find(hash, id.type, array, id.start, id.end);
    if (change === undefined) return;
    if (namesShardKey(change)) sharded.add(change);
    setImage(change, array, start);
    change.documentOrigin = 'lookup';
  });
}

/** Changes whose `_id` may be on several shards, as one find meets them. */
export class ShardedFinds {
  readonly #found = new Set<Change>();
  /** Ids that were found more than once. */
  readonly twice: RawElement[] = [];

  add(change: Change): void {
    if (this.#found.has(change)) this.twice.push(change.id);
    this.#found.add(change);
  }
}

export function findCommand(
  connection: MongoConnection,
  collection: string,
  { changes, collectionUuid }: ImageWants,
  asOf: ClusterTime,
): Record<string, unknown> {
  const ids = array(buildArray(changes.map(({ id }) => id)));
  const readConcern = buildDocument([
    ['level', string('majority')],
    ['afterClusterTime', timestamp(asOf)],
  ]);
  return {
    find: collection,
    filter: rawDocument(buildDocument([['_id', doc(buildDocument([['$in', ids]]))]])),
    readConcern: rawDocument(readConcern),
    ...collectionUuidField(connection.server, collectionUuid),
  };
}

export class LookupRun {
  readonly asOf: ClusterTime;
  readonly missing: Missing[] = [];
  readonly #budget: number;
  bytes = 0;

  constructor(asOf: ClusterTime, budget: number) {
    this.asOf = asOf;
    this.#budget = budget;
  }

  get isOver(): boolean {
    return this.bytes > this.#budget;
  }
}
