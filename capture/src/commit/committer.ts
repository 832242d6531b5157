import type { Logger } from '@waybill/shared/base/logger';
import type { CaptureStats } from '@waybill/shared/base/stats';
import type {
  ChunkProgress,
  Commit,
  CommitBody,
  CommittedPosition,
  SegmentEntry,
} from '@waybill/shared/manifest/commit';
import { encodePosition, type StreamPosition, timeOf } from '@waybill/shared/manifest/position';
import type { StreamState } from '@waybill/shared/manifest/state';
import type { ManifestWriter } from '@waybill/shared/manifest/writer';
import type { PatternWatch } from '../catalog/patterns.ts';
import { milestone } from './milestone.ts';

/**
 * What one snapshot reader has finished: a segment and its chunk's progress, in one commit or not
 * at all.
 */
export interface SnapshotProgress {
  readonly segment: SegmentEntry | null;
  readonly chunk: ChunkProgress;
  /** The chunk is the last of its collection. */
  readonly completesCollection?: boolean;
}

interface Waiting {
  readonly progress: SnapshotProgress;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Segments in one commit, which keeps a commit at a few KiB. */
const PROGRESS_IN_COMMIT = 40;

/**
 * The one way into the manifest. Commits are serial; the writer itself queues them. Progress of the
 * snapshot that comes while a commit is under way goes into the next one together, so thousands of
 * small collections do not make thousands of commits.
 */
export class Committer {
  readonly #writer: ManifestWriter;
  readonly #stats: CaptureStats;
  readonly #logger: Logger;
  readonly #optionsHash: string;
  readonly #patterns: PatternWatch;
  readonly #giveUp: AbortSignal;
  readonly #waiting: Waiting[] = [];
  #gathering = false;
  #lastCommitAt = performance.now();

  constructor(options: {
    readonly writer: ManifestWriter;
    readonly stats: CaptureStats;
    readonly logger: Logger;
    readonly optionsHash: string;
    readonly patterns: PatternWatch;
    /** Ends a commit under way, whose outcome is then unknown. Nothing is committed after it. */
    readonly giveUp: AbortSignal;
  }) {
    this.#writer = options.writer;
    this.#stats = options.stats;
    this.#logger = options.logger;
    this.#optionsHash = options.optionsHash;
    this.#patterns = options.patterns;
    this.#giveUp = options.giveUp;
  }

  get state(): StreamState {
    return this.#writer.state;
  }

  get epoch(): number {
    return this.#writer.epoch;
  }

  /** On the clock of `performance.now()`. */
  get lastCommitAt(): number {
    return this.#lastCommitAt;
  }

  async commit(body: CommitBody): Promise<Commit> {
    const commit = await this.#writer.commit(body, this.#giveUp);
    this.#lastCommitAt = performance.now();
    this.#stats.commits++;
    const time = timeOf(body.position);
    if (time !== null) this.#stats.watermark = time;
    for (const segment of body.segments ?? []) {
      this.#stats.segments++;
      this.#stats.bucketBytes += segment.bytes;
    }
    if (this.#logger.isDebug()) {
      this.#logger.debug('committed', {
        seq: commit.seq,
        segments: body.segments?.length ?? 0,
        ...(body.ddl && { ddl: body.ddl.length }),
        ...(body.position && { position: body.position.clusterTime }),
      });
    }
    if (body.ddl) this.#patterns.after(body.ddl, this.state.currentCollections);
    for (const milestone of body.milestones ?? []) {
      this.#logger.info('milestone', {
        milestone: milestone.name,
        clusterTime: milestone.clusterTime,
        ...milestone.evidence,
      });
    }
    return commit;
  }

  /** Fulfilled when the progress is in the manifest, perhaps with that of other chunks. */
  commitProgress(progress: SnapshotProgress): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ progress, resolve, reject });
      if (!this.#gathering) void this.#gather();
    });
  }

  /** Finds operators' notes, and whether another process has taken the stream. */
  async poll(signal: AbortSignal): Promise<void> {
    await this.#writer.poll(signal);
  }

  /** In the form of the manifest, for a stream with our options. */
  position(position: StreamPosition): CommittedPosition {
    return encodePosition(position, this.#optionsHash);
  }

  async #gather(): Promise<void> {
    this.#gathering = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, PROGRESS_IN_COMMIT);
      try {
        await this.commit(this.#together(batch.map(({ progress }) => progress)));
        for (const { resolve } of batch) resolve();
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#gathering = false;
  }

  #together(progress: readonly SnapshotProgress[]): CommitBody {
    const segments = progress.map(({ segment }) => segment).filter((segment) => segment !== null);
    // The latest progress of a chunk counts: the same commit has all its segments, in order.
    const chunks = new Map(progress.map(({ chunk }) => [`${chunk.chunk} ${chunk.namespace}`, chunk]));
    const { lastSequence } = this.#writer.state;
    const milestones = progress
      .filter(({ completesCollection }) => completesCollection)
      .map(({ chunk }) =>
        milestone('collection-completed', this.#stats.watermark, lastSequence, {
          namespace: chunk.namespace,
        }),
      );
    return {
      ...(segments.length > 0 && { segments }),
      chunks: [...chunks.values()],
      ...(milestones.length > 0 && { milestones }),
    };
  }
}
