/** Where an object is in the JSON API, and what is told of it there. */
import { z } from 'zod';
import type { ObjectInfo } from '../bucket.ts';
import { assertKey, keyInvalid } from '../key.ts';
import type { Asked } from './error.ts';

/** The store's limit, in bytes of UTF-8. */
const NAME_BYTES = 1024;

export interface Place {
  readonly bucket: string;
  readonly prefix: string;
  readonly endpoint: string;
  readonly kmsKey: string | undefined;
  readonly storageClass: string | undefined;
}

/** @throws BUCKET_KEY_INVALID */
export function objectName({ prefix }: Place, key: string): string {
  assertKey(key);
  const name = `${prefix}${key}`;
  if (Buffer.byteLength(name) > NAME_BYTES)
    throw keyInvalid(key, 'with the prefix it is longer than 1024 bytes');
  if (/[\r\n]/.test(name)) throw keyInvalid(key, 'it holds a line break');
  return name;
}

export const objectsPath = ({ bucket }: Place): string => `/storage/v1/b/${encodeURIComponent(bucket)}/o`;

export const objectPath = (place: Place, name: string): string =>
  `${objectsPath(place)}/${encodeURIComponent(name)}`;

export function asked({ bucket, endpoint }: Place, action: Asked['action'], key: string): Asked {
  return { action, key, bucket, endpoint };
}

/** Decimal digits: counts and generations come as text. */
const count = z.string().regex(/^\d+$/);

/** Of an object's resource, what we ask for; see the `fields` parameters. */
export const ObjectResource = z.object({
  name: z.string(),
  size: count,
  generation: count.optional(),
  /** Of this generation, so of the object's present bytes. */
  timeCreated: z.string(),
  crc32c: z.string().optional(),
  metadata: z.record(z.string(), z.string()).optional(),
});
export type ObjectResource = z.infer<typeof ObjectResource>;

export const ListPage = z.object({
  nextPageToken: z.string().optional(),
  items: z.array(ObjectResource.pick({ name: true, size: true, timeCreated: true })).optional(),
});

export function objectInfo(
  key: string,
  { size, timeCreated }: Pick<ObjectResource, 'size' | 'timeCreated'>,
): ObjectInfo {
  return { key, bytes: Number(size), modifiedAt: Date.parse(timeCreated) };
}
