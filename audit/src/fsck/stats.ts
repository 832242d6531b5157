/** How far a check is; written by the check, read by whoever shows it. */
export interface FsckStats {
  commits: number;
  /** Of all logs surveyed so far. */
  commitsTotal: number;
  /** Of segments read; 0 without `deep`. */
  bytes: number;
  /** Of segments listed. */
  bytesTotal: number;
  /** Decoded. */
  records: number;
}

export function newFsckStats(): FsckStats {
  return { commits: 0, commitsTotal: 0, bytes: 0, bytesTotal: 0, records: 0 };
}
