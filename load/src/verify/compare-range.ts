/** Reads one `_id` range on both sides at once and finds what differs. Two batches of each side are in memory. */
import type { MongoConnection } from '@waybill/shared/mongo/connection';
import type { Range } from '@waybill/shared/mongo/range-plan';
import { type ReadRangeOptions, readRange } from '@waybill/shared/mongo/range-reader';
import type { ClusterTime } from '@waybill/shared/position';
import { Matcher, type Suspect } from './matcher.ts';

export interface Pair {
  readonly source: MongoConnection;
  readonly target: MongoConnection;
}

/** Each side is read as of then or later: a majority read may otherwise lag behind writes that were acknowledged. */
export interface ReadFrom {
  readonly source: ClusterTime | undefined;
  readonly target: ClusterTime | undefined;
}

export interface Counts {
  sourceDocuments: number;
  targetDocuments: number;
  bytes: number;
}

export interface CompareOptions {
  readonly range: Range;
  readonly notBefore: ReadFrom;
  /** Capped collections: in the order of insertion, which is compared with the documents. */
  readonly natural: boolean;
  readonly signal: AbortSignal;
  /** Called with counts of this range as they grow. */
  readonly onProgress: (counts: Readonly<Counts>) => void;
  /** Takes the suspects found so far; awaited, so that they do not pile up. */
  readonly onSuspects: (suspects: Suspect[]) => Promise<void>;
}

const UNMET_LIMIT = 20_000;
const BATCH_BYTES = 4 * 1024 * 1024;

export async function compareRange(
  { source, target }: Pair,
  namespace: string,
  options: CompareOptions,
): Promise<void> {
  const { range, natural, notBefore, signal } = options;
  const reading: ReadRangeOptions = { ...range, natural, signal, batchBytes: BATCH_BYTES };
  const matcher = new Matcher(UNMET_LIMIT);
  const heads = [
    new Head(source, namespace, { ...reading, notBefore: notBefore.source }),
    new Head(target, namespace, { ...reading, notBefore: notBefore.target }),
  ] as const;
  const [left, right] = heads;
  try {
    for (;;) {
      await Promise.all([left.fill(), right.fill()]);
      if (left.ended && right.ended) break;
      const same = matcher.matchHeads(left.documents, right.documents);
      const counts: Counts = { sourceDocuments: same, targetDocuments: same, bytes: left.skip(same) };
      right.skip(same);
      if (same === 0) {
        const fromSource = left.shift();
        const fromTarget = right.shift();
        if (fromSource) {
          matcher.add('source', fromSource);
          counts.sourceDocuments = 1;
          counts.bytes = fromSource.length;
        }
        if (fromTarget) {
          matcher.add('target', fromTarget);
          counts.targetDocuments = 1;
        }
      }
      options.onProgress(counts);
      const suspects = matcher.take();
      if (suspects.length > 0) await options.onSuspects(suspects);
    }
    await options.onSuspects(matcher.finish());
  } finally {
    await Promise.all(heads.map((head) => head.close()));
  }
}

/** The documents at the front of one reading. */
class Head {
  readonly #batches: AsyncIterator<{ readonly documents: Buffer[] }>;
  documents: Buffer[] = [];
  ended = false;

  constructor(connection: MongoConnection, namespace: string, options: ReadRangeOptions) {
    const readConcern = connection.server.topology === 'standalone' ? null : 'majority';
    this.#batches = readRange(connection, namespace, { readConcern, ...options })[Symbol.asyncIterator]();
  }

  async fill(): Promise<void> {
    while (this.documents.length === 0 && !this.ended) {
      const next = await this.#batches.next();
      if (next.done) this.ended = true;
      else this.documents = next.value.documents;
    }
  }

  /** Bytes of the documents skipped. */
  skip(count: number): number {
    if (count === 0) return 0;
    let bytes = 0;
    for (let index = 0; index < count; index++) bytes += this.documents[index]?.length ?? 0;
    this.documents = this.documents.slice(count);
    return bytes;
  }

  shift(): Buffer | undefined {
    const first = this.documents[0];
    if (first) this.documents = this.documents.slice(1);
    return first;
  }

  async close(): Promise<void> {
    await this.#batches.return?.();
  }
}
