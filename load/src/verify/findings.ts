/** What became of the suspects of one collection. */
export interface Findings {
  missing: number;
  extra: number;
  different: number;
  duplicates: number;
  changing: number;
  canonical: number;
  settled: number;
  /** Among those that differ: explained by an open dead letter. */
  letters: number;
}
