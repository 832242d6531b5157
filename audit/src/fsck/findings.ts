/**
 * What a check of a stream finds. Each kind has one advice; the words of a finding never hold a
 * document or an `_id`.
 */

interface KindEntry {
  /** `damage`: the stream is not whole. `note`: worth knowing, and nothing is wrong. */
  readonly severity: 'damage' | 'note';
  /** What to do next. */
  readonly advice: string;
}

const table = <Kind extends string>(entries: Record<Kind, KindEntry>): Readonly<Record<Kind, KindEntry>> =>
  entries;

const RESTORE_COMMIT =
  'Restore the file from a copy of the bucket, byte for byte. Without one, start a new stream.';
const RESTORE_SEGMENT =
  'Restore the file from a copy of the bucket, byte for byte. Without one, take the data again into a new stream.';
const RESTORE_LETTERS =
  'Restore the file from a copy of the bucket, byte for byte. Without one, the load cannot go on: start another one, into a target that has none of its collections.';
const NEW_STREAM =
  'The manifest contradicts itself, which no copy mends. Start a new stream, and please report it.';
const CONTENT =
  'The file is as it was written, and it was written wrong. Start a new stream, and please report it.';
const DELETE_CHECKPOINT =
  'When nothing is found of the commits, delete the file: it is never needed, and what it should say is in them.';

export const FINDING_KINDS = table({
  'stream-damaged': { severity: 'damage', advice: RESTORE_COMMIT },
  'commit-missing': { severity: 'damage', advice: RESTORE_COMMIT },
  'commit-damaged': { severity: 'damage', advice: RESTORE_COMMIT },
  'commit-contradicts': { severity: 'damage', advice: NEW_STREAM },
  'chain-broken': {
    severity: 'damage',
    advice: 'One of the two commits is not what was written. Restore both from a copy of the bucket.',
  },
  'log-cut-short': {
    severity: 'damage',
    advice:
      'The last commits are gone. Restore them from a copy of the bucket. Start no capture before, and delete nothing.',
  },
  'sequence-gap': { severity: 'damage', advice: NEW_STREAM },
  'sequence-overlap': { severity: 'damage', advice: NEW_STREAM },
  'chunk-progress': { severity: 'damage', advice: NEW_STREAM },
  'format-unsupported': {
    severity: 'damage',
    advice: 'Check again with the version of Waybill that wrote the stream, or a newer one.',
  },
  'checkpoint-damaged': { severity: 'damage', advice: DELETE_CHECKPOINT },
  'checkpoint-wrong': { severity: 'damage', advice: DELETE_CHECKPOINT },
  'segment-missing': { severity: 'damage', advice: RESTORE_SEGMENT },
  'segment-size': { severity: 'damage', advice: RESTORE_SEGMENT },
  'segment-altered': { severity: 'damage', advice: RESTORE_SEGMENT },
  'segment-named-twice': { severity: 'damage', advice: NEW_STREAM },
  'segment-entry': { severity: 'damage', advice: NEW_STREAM },
  'segment-content': { severity: 'damage', advice: CONTENT },
  'lane-run': { severity: 'damage', advice: NEW_STREAM },
  'lane-wrong': { severity: 'damage', advice: CONTENT },
  'dead-letters-missing': { severity: 'damage', advice: RESTORE_LETTERS },
  'dead-letters-altered': { severity: 'damage', advice: RESTORE_LETTERS },
  orphan: {
    severity: 'note',
    advice:
      'None, while the manifest is whole: it does not exist for any reader, and waybill gc removes it. Otherwise it may belong to a lost commit: keep it.',
  },
});

export type FindingKind = keyof typeof FINDING_KINDS;

export interface Finding {
  readonly kind: FindingKind;
  readonly severity: 'damage' | 'note';
  /** The object's whole key. */
  readonly key: string;
  /** What is wrong, without the key. */
  readonly detail: string;
  readonly advice: string;
}

/** Findings told one by one; what is beyond is only counted. */
const MOST_FINDINGS = 1000;

export class Findings {
  readonly #told: Finding[] = [];
  readonly #counts = new Map<FindingKind, number>();

  add(kind: FindingKind, key: string, detail: string): void {
    this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
    const { severity, advice } = FINDING_KINDS[kind];
    if (this.#told.length < MOST_FINDINGS) this.#told.push({ kind, severity, key, detail, advice });
  }

  /** Damage first, otherwise as they were found. */
  get told(): readonly Finding[] {
    return [...this.#told].sort((a, b) => a.severity.localeCompare(b.severity));
  }

  get counts(): Readonly<Partial<Record<FindingKind, number>>> {
    return Object.fromEntries(this.#counts);
  }

  get damages(): number {
    let sum = 0;
    for (const [kind, count] of this.#counts) if (FINDING_KINDS[kind].severity === 'damage') sum += count;
    return sum;
  }
}
