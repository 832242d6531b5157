/** Looks at a source as it is now: all of its structure, and documents of each collection. */

import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import { asBuffer } from '@waybill/shared/bson/raw';
import type { MongoConnection } from '@waybill/shared/mongo/driver/connection';
import { openCursor } from '@waybill/shared/mongo/driver/cursor';
import { isGone } from '@waybill/shared/mongo/driver/cursor-failure';
import { type CatalogEntry, listCatalog } from '@waybill/shared/mongo/facts/catalog';
import { NamespaceFilter, type NamespaceFilterOptions } from '@waybill/shared/mongo/facts/namespace-filter';
import { listOwnProgress } from '@waybill/shared/mongo/facts/own-progress';
import { readRange } from '@waybill/shared/mongo/read/range-reader';
import { sideBySide } from '../base/side-by-side.ts';
import type { Assessment } from './assessment.ts';
import type { AssessSettings } from './settings.ts';

export interface AssessSourceDeps {
  readonly source: MongoConnection;
  readonly patterns: NamespaceFilterOptions;
  readonly signal: AbortSignal;
}

const COLLECTIONS_AT_ONCE = 3;
const BATCH_BYTES = 4 * 1024 * 1024;

export async function assessSource(
  assessment: Assessment,
  { sample }: AssessSettings,
  { source, patterns, signal }: AssessSourceDeps,
): Promise<void> {
  const wide = new NamespaceFilter(patterns);
  const progress = await listOwnProgress(source, wide, signal);
  const filter = new NamespaceFilter({ ...patterns, progress });
  const catalog = await retry(() => listCatalog(source, filter, signal), DEFAULT_RETRY, { signal });
  for (const entry of catalog) assessment.structure.look(entry);
  const collections = catalog.filter(({ type }) => type === 'collection');
  for (const { documents, bytes } of collections) {
    const share = sample === 0 || documents <= sample ? 1 : sample / documents;
    assessment.stats.bytesTotal += bytes * share;
  }
  await sideBySide(collections, COLLECTIONS_AT_ONCE, (entry) =>
    lookAtCollection(assessment, entry, { source, sample, signal }),
  );
}

interface Reading {
  readonly source: MongoConnection;
  readonly sample: number;
  readonly signal: AbortSignal;
}

async function lookAtCollection(
  assessment: Assessment,
  entry: CatalogEntry,
  reading: Reading,
): Promise<void> {
  const { namespace, documents } = entry;
  const isWhole = reading.sample === 0 || documents <= reading.sample;
  let looked = 0;
  try {
    for await (const batch of isWhole ? wholeCollection(entry, reading) : sampled(entry, reading)) {
      for (const document of batch) assessment.look(namespace, document, 'documents');
      looked += batch.length;
    }
  } catch (error) {
    // It was dropped or renamed since it was listed.
    if (!isGone(error)) throw error;
  }
  if (!isWhole) assessment.sampled.push({ namespace, documents: looked, of: documents });
}

async function* wholeCollection(
  { namespace, uuid, capped }: CatalogEntry,
  { source, signal }: Reading,
): AsyncGenerator<readonly Buffer[]> {
  const readConcern = source.server.topology === 'standalone' ? null : 'majority';
  const options = { uuid, natural: capped, readConcern, batchBytes: BATCH_BYTES, signal } as const;
  for await (const { documents } of readRange(source, namespace, options)) yield documents;
}

/** Documents picked at random by the server. */
async function* sampled(
  { database, name }: CatalogEntry,
  { source, sample, signal }: Reading,
): AsyncGenerator<readonly Buffer[]> {
  // A sample of more than a twentieth is sorted, which may take more memory than the server gives.
  const command = { aggregate: name, pipeline: [{ $sample: { size: sample } }], allowDiskUse: true };
  await using cursor = await openCursor(source, database, command, { signal });
  for (let batch = await cursor.next(); batch; batch = await cursor.next()) {
    yield batch.documents.map(asBuffer);
  }
}
