import { buildDocument, type Field } from '@waybill/shared/bson/build';
import { asBuffer, elements, findElement, type RawElement } from '@waybill/shared/bson/raw';
import type { CollectionDefinition } from '@waybill/shared/manifest/commit';
import type { CatalogEntry } from '@waybill/shared/mongo/facts/catalog';

const base64 = (bytes: Uint8Array): string => asBuffer(bytes).toString('base64');

/** The definition of a listed collection or view, under the name that it had at T0. */
export function definitionOf(
  entry: CatalogEntry,
  namespace: string,
  snapshot: boolean,
): CollectionDefinition {
  const isView = entry.type === 'view';
  return {
    namespace,
    type: isView ? 'view' : 'collection',
    uuid: entry.uuid?.toString('hex') ?? null,
    options: base64(entry.options),
    indexes: entry.indexes.map(base64),
    singleLane: entry.collated || entry.capped,
    capped: entry.capped,
    documents: entry.documents,
    bytes: entry.bytes,
    snapshot: snapshot && !isView,
  };
}

/** The definition that a `create` event tells: its options, with the `_id` index among them. */
export function definitionOfCreate(
  namespace: string,
  uuid: string | null,
  description: Uint8Array | null,
): CollectionDefinition {
  const options: Field[] = [];
  const indexes: string[] = [];
  for (const element of description ? elements(description) : []) {
    if (element.name === 'idIndex') indexes.push(base64(element.bytes));
    else options.push([element.nameBytes, element]);
  }
  const raw = buildDocument(options);
  const isView = findElement(raw, 'viewOn') !== undefined;
  const capped = isTrue(findElement(raw, 'capped'));
  return {
    namespace,
    type: isView ? 'view' : 'collection',
    uuid,
    options: base64(raw),
    indexes,
    singleLane: capped || isCollated(raw),
    capped,
    documents: 0,
    bytes: 0,
    snapshot: false,
  };
}

/** The inverse: the `operationDescription` of a `create` event. */
export function createDescription(definition: CollectionDefinition): Buffer {
  const options = Buffer.from(definition.options, 'base64');
  const fields: Field[] = [...elements(options)].map((element): Field => [element.nameBytes, element]);
  const idIndex = indexesOf(definition).find(isIdIndex);
  if (idIndex) fields.push(['idIndex', { type: 3, bytes: idIndex }]);
  return buildDocument(fields);
}

/** Raw BSON, the `_id` index included. */
export function indexesOf({ indexes }: CollectionDefinition): Buffer[] {
  return indexes.map((index) => Buffer.from(index, 'base64'));
}

/** The `_id` index comes with its collection. */
export function isIdIndex(index: Uint8Array): boolean {
  const name = findElement(index, 'name');
  return name !== undefined && textOf(name) === '_id_';
}

/** Whether a `create` makes a time-series collection, which is a view on its buckets. */
export function isTimeSeriesCreate(description: Uint8Array | null): boolean {
  if (description === null) return false;
  const viewOn = findElement(description, 'viewOn');
  const ofBuckets = viewOn !== undefined && textOf(viewOn).startsWith('system.buckets.');
  return ofBuckets || findElement(description, 'timeseries') !== undefined;
}

/** No change stream has its changes. */
export function isTimeSeries({ options }: CollectionDefinition): boolean {
  return findElement(Buffer.from(options, 'base64'), 'timeseries') !== undefined;
}

export function isEncryptedCreate(description: Uint8Array | null): boolean {
  return description !== null && findElement(description, 'encryptedFields') !== undefined;
}

function isCollated(options: Uint8Array): boolean {
  const collation = findElement(options, 'collation');
  if (collation === undefined) return false;
  const locale = findElement(collation.bytes, 'locale');
  return locale !== undefined && textOf(locale) !== 'simple';
}

function isTrue(element: RawElement | undefined): boolean {
  return element?.type === 8 && element.bytes[0] === 1;
}

function textOf(element: RawElement): string {
  return element.type === 2 ? asBuffer(element.bytes).toString('utf8', 4, element.bytes.length - 1) : '';
}
