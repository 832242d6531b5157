/**
 * Every segment that a stream's commits name, held against what its store lists; with `deep` its
 * file is read.
 */

import { LinkedAbort } from '@waybill/shared/base/lifecycle';
import type { Bucket, ObjectInfo } from '@waybill/shared/bucket/bucket';
import { patientList } from '@waybill/shared/bucket/patient-list';
import type { Commit, SegmentEntry, StreamIdentity } from '@waybill/shared/manifest/commit';
import { segmentKey, segmentsPrefix } from '@waybill/shared/manifest/keys';
import { type LogOptions, retried } from '@waybill/shared/manifest/options';
import type { StreamState } from '@waybill/shared/manifest/state';
import PQueue from 'p-queue';
import { checkBody, sizeFault } from './check-body.ts';
import { checkEntry } from './check-entry.ts';
import { ChunkTally } from './chunk-tally.ts';
import type { Findings } from './findings.ts';
import { HeldBytes } from './held-bytes.ts';
import { lookAgain } from './look-again.ts';
import { SegmentTable } from './segment-table.ts';
import type { FsckStats } from './stats.ts';
import type { WalkedCommit } from './walk-log.ts';

/** Files read at once. */
const READERS = 6;
/** Bytes of files held at once; one larger file is held alone. */
const MOST_HELD_BYTES = 128 << 20;

export interface SegmentOptions extends LogOptions {
  readonly bucket: Bucket;
  /** The stream's. */
  readonly prefix: string;
  /** Null where it cannot be read. */
  readonly identity: StreamIdentity | null;
  readonly deep: boolean;
  readonly findings: Findings;
  readonly stats: FsckStats;
}

export interface SegmentTotals {
  readonly count: number;
  readonly bytes: number;
  readonly records: number;
}

export class SegmentChecks {
  readonly #options: SegmentOptions;
  readonly #table = new SegmentTable();
  readonly #tally = new ChunkTally();
  readonly #queue = new PQueue({ concurrency: READERS });
  readonly #held = new HeldBytes(MOST_HELD_BYTES);
  readonly #abort: LinkedAbort;
  #failure: { readonly error: unknown } | null = null;
  #count = 0;
  #bytes = 0;
  #records = 0;

  constructor(options: SegmentOptions) {
    this.#options = options;
    this.#abort = new LinkedAbort(options.signal);
  }

  /** Of all segments named so far. */
  get totals(): SegmentTotals {
    return { count: this.#count, bytes: this.#bytes, records: this.#records };
  }

  async list(): Promise<void> {
    const { bucket, prefix, stats, signal } = this.#options;
    for await (const { key, bytes } of patientList(bucket, segmentsPrefix(prefix), { signal })) {
      this.#table.add(key, bytes);
      stats.bytesTotal += bytes;
    }
  }

  /** What the next commit names. Waits while enough files are being read. */
  async take({ commit, key, state, isUnbroken }: WalkedCommit): Promise<void> {
    const { findings, prefix } = this.#options;
    if (isUnbroken) for (const fault of this.#tally.take(commit)) findings.add('chunk-progress', key, fault);
    for (const entry of commit.segments ?? []) {
      this.#count++;
      this.#bytes += entry.bytes;
      this.#records += entry.records;
      await this.#check(segmentKey(prefix, entry.key), entry, commit, state);
    }
  }

  async #check(key: string, entry: SegmentEntry, commit: Commit, state: StreamState): Promise<void> {
    const { findings, identity, deep } = this.#options;
    const faults = [...checkEntry(entry, identity)];
    for (const { kind, detail } of faults) findings.add(kind, key, detail);
    const listed = this.#table.bytesOf(key);
    if (listed !== undefined && !this.#table.mark(key)) {
      findings.add('segment-named-twice', key, `commit ${commit.seq} names it again`);
      return;
    }
    const bytes = listed ?? (await this.#look(key))?.bytes;
    if (bytes === undefined) findings.add('segment-missing', key, `commit ${commit.seq} names it`);
    else if (bytes !== entry.bytes) findings.add('segment-size', key, sizeFault(bytes, entry).detail);
    else if (deep) {
      const decode = faults.length === 0;
      await this.#read(key, entry, {
        decode,
        lanes: identity?.lanes ?? null,
        collections: state.currentCollections,
        lastId: lastIdAfter(entry, commit),
      });
    }
  }

  /** A list that lacks it is not believed by itself. */
  #look(key: string): Promise<ObjectInfo | null> {
    const { bucket, signal } = this.#options;
    return lookAgain(() => retried((call) => bucket.head(key, call), this.#options), signal);
  }

  async #read(key: string, entry: SegmentEntry, context: Parameters<typeof checkBody>[3]): Promise<void> {
    const { bucket, findings, stats } = this.#options;
    const options = { ...this.#options, signal: this.#abort.signal };
    await this.#held.take(entry.bytes);
    await this.#queue.onSizeLessThan(READERS);
    if (this.#failure) throw this.#failure.error;
    const job = this.#queue.add(async () => {
      if (this.#failure) return;
      const { faults, records } = await checkBody(bucket, key, entry, context, options);
      for (const { kind, detail } of faults) findings.add(kind, key, detail);
      stats.records += records;
      stats.bytes += entry.bytes;
    });
    job.catch((error: unknown) => this.#fail(error)).finally(() => this.#held.give(entry.bytes));
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#abort.abort();
  }

  /** Every file taken has been read. */
  async finished(): Promise<void> {
    await this.#queue.onIdle();
    this.#abort[Symbol.dispose]();
    if (this.#failure) throw this.#failure.error;
  }

  /** A commit made since the head was fixed names them. */
  notOrphans({ segments = [] }: Commit): void {
    for (const { key } of segments) {
      const whole = segmentKey(this.#options.prefix, key);
      if (this.#table.has(whole)) this.#table.mark(whole);
    }
  }

  /** What was listed and is named by nothing. */
  async *orphans(): AsyncGenerator<ObjectInfo> {
    const { bucket, prefix, signal } = this.#options;
    for await (const info of patientList(bucket, segmentsPrefix(prefix), { signal })) {
      if (this.#table.has(info.key) && !this.#table.isMarked(info.key)) yield info;
    }
  }
}

/**
 * Where its chunk goes on, if this is the chunk's last segment in the commit; otherwise undefined:
 * the commit does not say.
 */
function lastIdAfter(entry: SegmentEntry, { segments = [], chunks = [] }: Commit): string | null | undefined {
  const isSame = (other: { readonly namespace?: string; readonly chunk?: number }): boolean =>
    other.namespace === entry.namespace && other.chunk === entry.chunk;
  if (entry.kind !== 'snapshot' || segments.findLast(isSame) !== entry) return undefined;
  return chunks.find(isSame)?.lastId;
}
