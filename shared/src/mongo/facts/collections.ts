/** The `listCollections` entries of one database, as bytes. */
import { nameText } from '../../bson/name-text.ts';
import { asBuffer, elements } from '../../bson/raw.ts';
import type { MongoConnection } from '../driver/connection.ts';
import { readAll } from '../driver/read-all.ts';

export interface CollectionInfo {
  readonly name: string;
  readonly type: 'collection' | 'view' | 'timeseries';
  /** Sixteen bytes; null for views, and on targets that have no uuids. */
  readonly uuid: Buffer | null;
  /** Raw BSON; an empty document if there are none. */
  readonly options: Buffer;
}

const EMPTY_DOCUMENT = Buffer.from([5, 0, 0, 0, 0]);

export async function listCollections(
  connection: MongoConnection,
  database: string,
  options: {
    readonly name?: string | undefined;
    /**
     * Takes no locks. If the user may not list all collections, lists those that the user may read.
     */
    readonly namesOnly?: boolean | undefined;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<CollectionInfo[]> {
  const { name, namesOnly, signal } = options;
  const command = {
    listCollections: 1,
    filter: name === undefined ? {} : { name },
    ...(namesOnly && { nameOnly: true, authorizedCollections: true }),
  };
  return (await readAll(connection, database, command, { signal })).map(parse);
}

function parse(document: Buffer): CollectionInfo {
  let name = '';
  let type: CollectionInfo['type'] = 'collection';
  let uuid: Buffer | null = null;
  let options: Buffer = EMPTY_DOCUMENT;
  for (const element of elements(document)) {
    if (element.name === 'name') name = nameText(asBuffer(element.bytes), 4, element.bytes.length - 1);
    else if (element.name === 'type') type = typeOf(textOf(element.bytes));
    else if (element.name === 'options') options = Buffer.from(element.bytes);
    else if (element.name === 'info') uuid = uuidOf(element.bytes);
  }
  return { name, type, uuid, options };
}

function typeOf(text: string): CollectionInfo['type'] {
  return text === 'view' || text === 'timeseries' ? text : 'collection';
}

function uuidOf(info: Uint8Array): Buffer | null {
  for (const { name, type, bytes } of elements(info)) {
    // Binary: the length and the subtype come before the sixteen bytes.
    if (name === 'uuid' && type === 5) return Buffer.from(bytes.subarray(5, 21));
  }
  return null;
}

function textOf(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('utf8', 4, bytes.length - 1);
}
