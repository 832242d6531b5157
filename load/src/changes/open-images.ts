import type { DataRecord } from '@waybill/shared/base/record';
import { asBuffer } from '@waybill/shared/bson/raw';
import { documentId } from '@waybill/shared/bson/statement';

/**
 * Documents whose state at a cut the stream does not hold. Their last record up to the cut has no
 * document of its own: a later record of the same commit carries the state, a later one. Such a
 * document stays as it was before that record, until the load goes on.
 */
export class OpenImages {
  readonly #open = new Set<string>();

  get size(): number {
    return this.#open.size;
  }

  /** Records of one lane in their order. */
  see({ namespace, operation, document, documentKey }: DataRecord): void {
    const { type, bytes } = documentId(documentKey);
    const key = `${namespace} ${type} ${asBuffer(bytes).toString('latin1')}`;
    if (document === null && operation !== 'delete') this.#open.add(key);
    else this.#open.delete(key);
  }
}
