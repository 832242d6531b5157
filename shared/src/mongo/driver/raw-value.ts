/**
 * Raw BSON inside a command. The driver turns command objects into bytes. Values of these classes
 * at the top level of a command reach the wire as the bytes they hold: raw-command.ts exchanges
 * them.
 */
import type { RawElement } from '../../bson/raw.ts';

export type { RawElement } from '../../bson/raw.ts';

/** A command field whose value is given as raw BSON. */
export class RawField {
  readonly element: RawElement;
  constructor(element: RawElement) {
    this.element = element;
  }
}

/**
 * A command field that is sent as an OP_MSG document sequence: `documents`, `updates` or `deletes`.
 * Each element is one raw BSON document.
 */
export class RawSequence {
  readonly documents: readonly Uint8Array[];
  constructor(documents: readonly Uint8Array[]) {
    this.documents = documents;
  }
}

export const rawDocument = (bytes: Uint8Array): RawField => new RawField({ type: 3, bytes });
export const rawArray = (bytes: Uint8Array): RawField => new RawField({ type: 4, bytes });
