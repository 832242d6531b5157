/** Looks up documents by `_id`, in bounded pieces. */

import { DEFAULT_RETRY, retry } from '@waybill/shared/base/retry';
import type { RawElement } from '@waybill/shared/bson/raw';
import { documentId } from '@waybill/shared/bson/statement';
import type { DocumentReader, FindOptions } from '../reading/document-reader.ts';
import type { Sameness } from './sameness.ts';
import { keyOf as keyOfBytes } from './side.ts';

/** An `_id` may be large: pieces are bounded by both. */
const IDS_AT_ONCE = 1000;
const ID_BYTES_AT_ONCE = 1024 * 1024;

export interface LookupOptions extends Pick<FindOptions, 'notBefore' | 'signal'> {
  /** Default: by their bytes. */
  readonly keyOf?: Sameness['keyOf'];
}

/** Which of the ids are there, by their keys. */
export async function existing(
  reader: DocumentReader,
  namespace: string,
  ids: readonly RawElement[],
  { keyOf = keyOfBytes, ...options }: LookupOptions,
): Promise<ReadonlySet<string>> {
  return retry(
    async () => {
      const found = new Set<string>();
      await reader.find(namespace, ids, { ...options, idOnly: true }, (document) =>
        found.add(keyOf(documentId(document))),
      );
      return found;
    },
    DEFAULT_RETRY,
    { signal: options.signal },
  );
}

/** The document with the key of that `_id`. */
export async function readOne(
  reader: DocumentReader,
  namespace: string,
  id: RawElement,
  { keyOf = keyOfBytes, ...options }: LookupOptions,
): Promise<Buffer | undefined> {
  const key = keyOf(id);
  return retry(
    async () => {
      let one: Buffer | undefined;
      await reader.find(namespace, [id], options, (document) => {
        if (keyOf(documentId(document)) === key) one = document;
      });
      return one;
    },
    DEFAULT_RETRY,
    { signal: options.signal },
  );
}

/** How many of the ids, counted from the first, one command takes: at least one. */
export function idsAtOnce(count: number, id: (index: number) => RawElement): number {
  let [size, bytes] = [0, 0];
  while (size < count && size < IDS_AT_ONCE) {
    bytes += id(size).bytes.length;
    if (size > 0 && bytes > ID_BYTES_AT_ONCE) break;
    size++;
  }
  return size;
}
