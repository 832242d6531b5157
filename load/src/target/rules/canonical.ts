/**
 * Values that a kind of target keeps in a form of its own, which means the same. Data alone:
 * verify/canonical-form.ts applies it. Null: it keeps every byte.
 */
export interface CanonicalRules {
  /** All doubles that are no number become one. */
  readonly nan?: boolean | undefined;
  /** A double of -0 becomes 0. */
  readonly negativeZero?: boolean | undefined;
  /** All decimals that are no number become one, and so do those of each infinity. */
  readonly decimalSpecials?: boolean | undefined;
  /** Options of regular expressions stand in the alphabet's order, each once. */
  readonly regexOptions?: boolean | undefined;
  /** It may put its own time where a field of the document is Timestamp(0,0). */
  readonly emptyTimestamps?: boolean | undefined;
}
