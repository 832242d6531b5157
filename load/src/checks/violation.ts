/** A document that a target's rules forbid. */
export interface Violation {
  /** Stable: dead letters and reports are filtered by it. */
  readonly rule: DocumentRule;
  /** Where in the document; empty for the document itself. Names, never values. */
  readonly path: string;
  /** For people. */
  readonly reason: string;
  /** Where the type of a value is the fault. */
  readonly type?: string;
}

export type DocumentRule =
  | 'id-type'
  | 'id-size'
  | 'id-name'
  | 'field-name'
  | 'field-name-size'
  | 'field-path-size'
  | 'depth'
  | 'nested-array'
  | 'bson-type'
  | 'double-value'
  | 'text-encoding'
  | 'date-range'
  | 'regex-options'
  /** Another order of the same options keeps the rules: the writer puts them so. */
  | 'regex-order'
  | 'document-size';
