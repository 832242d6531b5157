export interface AssessSettings {
  /** Documents to look at in each collection of a source; 0: all. */
  readonly sample: number;
}

export const ASSESS_DEFAULTS: AssessSettings = { sample: 10_000 };

/** Updated as the assessment goes on; the command's progress display samples it. */
export interface AssessStats {
  documents: number;
  changedDocuments: number;
  /** Of the documents. */
  bytes: number;
  bytesTotal: number;
}

export function newAssessStats(): AssessStats {
  return { documents: 0, changedDocuments: 0, bytes: 0, bytesTotal: 0 };
}
