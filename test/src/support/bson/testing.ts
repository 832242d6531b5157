import { buildArray, doc } from '@waybill/shared/bson/build';
import { DocumentPlaces } from '@waybill/shared/bson/document-places';

/** Documents that a test made, in one array as a server's reply has them. */
export function placesOf(documents: readonly Uint8Array[]): DocumentPlaces {
  return DocumentPlaces.ofArray(buildArray(documents.map(doc)));
}
