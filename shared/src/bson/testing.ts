import { buildArray, doc } from './build.ts';
import { DocumentPlaces } from './document-places.ts';

/** Documents that a test made, in one array as a server's reply has them. */
export function placesOf(documents: readonly Uint8Array[]): DocumentPlaces {
  return DocumentPlaces.ofArray(buildArray(documents.map(doc)));
}
