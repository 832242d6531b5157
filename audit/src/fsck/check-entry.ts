/**
 * Whether a segment's entry in the manifest agrees with itself and with its stream. Pure; reads no
 * file.
 */
import type { LaneRun, SegmentEntry, StreamIdentity } from '@waybill/shared/manifest/commit';
import { codecFits } from '@waybill/shared/segment/extension';
import type { FindingKind } from './findings.ts';

export interface EntryFault {
  readonly kind: FindingKind;
  readonly detail: string;
}

export function* checkEntry(
  entry: SegmentEntry,
  identity: Pick<StreamIdentity, 'format' | 'codec' | 'lanes'> | null,
): Generator<EntryFault> {
  const { format, codec, records, operations } = entry;
  const ofStream = identity === null || (format === identity.format && codec === identity.codec);
  if (!ofStream || !codecFits(format, codec)) {
    yield { kind: 'segment-entry', detail: `it is said to be ${format} with ${codec}, unlike its stream` };
  }
  const counted = Object.values(operations ?? {}).reduce<number>((sum, count = 0) => sum + count, 0);
  if (operations && counted !== records) {
    yield { kind: 'segment-entry', detail: `its operations are ${counted}, and its records ${records}` };
  }
  if (entry.kind === 'changes') yield* checkRuns(entry, identity?.lanes ?? Number.POSITIVE_INFINITY);
}

/** The runs tile the file from its header to its end, one a lane, and hold its records. */
function* checkRuns(entry: SegmentEntry, lanes: number): Generator<EntryFault> {
  const runs = (entry.lanes ?? []).toSorted((a, b) => a.offset - b.offset);
  const seen = new Set<number>();
  let at = entry.headerBytes ?? 0;
  for (const run of runs) {
    if (run.offset !== at) yield laneFault(run, `begins at byte ${run.offset}, and byte ${at} comes next`);
    at = run.offset + run.length;
    if (run.lane >= lanes) yield laneFault(run, `is none of the stream's ${lanes} lanes`);
    if (seen.has(run.lane)) yield laneFault(run, 'has two runs');
    seen.add(run.lane);
    if (run.records > run.lastSequence - run.firstSequence + 1) {
      yield laneFault(run, `has ${run.records} records, more than its sequences allow`);
    }
  }
  if (at !== entry.bytes) {
    yield { kind: 'lane-run', detail: `its lanes end at byte ${at}, and it has ${entry.bytes} bytes` };
  }
}

function laneFault({ lane }: LaneRun, what: string): EntryFault {
  return { kind: 'lane-run', detail: `lane ${lane} ${what}` };
}
