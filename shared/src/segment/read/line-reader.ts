import type { DataRecord } from '../../base/record.ts';
import type { LaneRun, SegmentEntry } from '../../manifest/commit.ts';
import type { SegmentCodec } from '../extension.ts';
import { lineToRecord } from '../jsonl/json-line.ts';
import { MAX_LINE_BYTES } from '../limits.ts';
import type { VerifiedRun } from './fetch-segment.ts';
import { contentOf } from './frames.ts';

const NEWLINE = 0x0a;

/**
 * Yields the documents of a verified snapshot file. Throws a RangeError at bytes that cannot be
 * right.
 */
export async function* readLineSnapshot(
  bytes: Buffer,
  entry: SegmentEntry,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer[], void, undefined> {
  for await (const records of readLines(bytes, entry.codec, entry.records, signal)) {
    yield records.map(({ operation, namespace, document }) => {
      if (operation !== 'read' || document === null)
        throw new RangeError('a snapshot record without a document');
      if (namespace !== entry.namespace) throw new RangeError('it holds documents of another collection');
      return document as Buffer;
    });
  }
}

/**
 * Yields the records of verified runs, in their order. Throws a RangeError at bytes that cannot be
 * right.
 */
export async function* readLineChanges(
  runs: readonly VerifiedRun[],
  codec: SegmentCodec,
  signal: AbortSignal | undefined,
): AsyncGenerator<{ run: LaneRun; records: DataRecord[] }, void, undefined> {
  for (const { run, bytes } of runs) {
    for await (const records of readLines(bytes, codec, run.records, signal)) yield { run, records };
  }
}

/** Yields a batch for each piece of content. */
async function* readLines(
  bytes: Buffer,
  codec: SegmentCodec,
  expected: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<DataRecord[], void, undefined> {
  const splitter = new LineSplitter();
  let found = 0;
  for await (const piece of contentOf(bytes, codec, signal)) {
    const records = splitter.add(piece).map((line) => lineToRecord(line.toString('utf8')));
    found += records.length;
    if (found > expected) break;
    if (records.length > 0) yield records;
  }
  if (found !== expected) {
    const more = found > expected ? 'more' : String(found);
    throw new RangeError(`it holds ${more} records, and the manifest says ${expected}`);
  }
  splitter.end();
}

/**
 * Cuts pieces into lines. A line without an end waits for the next piece, up to the bound of a
 * line.
 */
class LineSplitter {
  readonly #parts: Buffer[] = [];
  #partBytes = 0;

  add(piece: Buffer): Buffer[] {
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, start)) {
      lines.push(this.#complete(piece.subarray(start, end)));
      start = end + 1;
    }
    if (start < piece.length) this.#parts.push(piece.subarray(start));
    this.#partBytes += piece.length - start;
    if (this.#partBytes > MAX_LINE_BYTES) throw new RangeError(`a line of more than ${MAX_LINE_BYTES} bytes`);
    return lines;
  }

  end(): void {
    if (this.#partBytes > 0) throw new RangeError('its last line has no end');
  }

  #complete(last: Buffer): Buffer {
    if (this.#partBytes === 0) return last;
    const line = Buffer.concat([...this.#parts, last]);
    this.#parts.length = 0;
    this.#partBytes = 0;
    return line;
  }
}
