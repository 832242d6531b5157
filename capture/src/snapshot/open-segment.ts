import type { OpenCount } from '@waybill/shared/base/stats';
import type { DocumentPlaces } from '@waybill/shared/bson/document-places';
import type { SnapshotSegmentWriter } from '@waybill/shared/segment/write/snapshot-writer';

type Summary = Awaited<ReturnType<SnapshotSegmentWriter['finish']>>;

/** A segment writer, and the put that takes its bytes. */
export class OpenSegment implements OpenCount {
  readonly key: string;
  readonly part: number;
  /** In natural order: the position after its last document. */
  position: string | null = null;
  readonly #writer: SnapshotSegmentWriter;
  readonly #put: Promise<void>;

  constructor(writer: SnapshotSegmentWriter, key: string, part: number, put: Promise<void>) {
    this.#writer = writer;
    this.key = key;
    this.part = part;
    this.#put = put;
    // Neither append nor finish may wait for a consumer that is gone.
    put.catch((error: unknown) => writer.abort(error));
  }

  get records(): number {
    return this.#writer.records;
  }

  get documentBytes(): number {
    return this.#writer.documentBytes;
  }

  append(documents: DocumentPlaces): Promise<void> {
    return this.#orPutFailure(this.#writer.append(documents));
  }

  /** Fulfilled when the whole object is in the bucket. */
  async finish(): Promise<Summary> {
    const [summary] = await Promise.all([this.#orPutFailure(this.#writer.finish()), this.#put]);
    return summary;
  }

  /**
   * When a put fails, its body stream ends first, with a generic error. Reports the put's own error
   * instead.
   */
  async #orPutFailure<T>(writing: Promise<T>): Promise<T> {
    try {
      return await writing;
    } catch (error) {
      await this.#put;
      throw error;
    }
  }

  abandon(reason: unknown): void {
    this.#put.catch(() => undefined);
    this.#writer.abort(reason);
  }
}
