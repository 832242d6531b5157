import { randomBytes } from 'node:crypto';
import { hasCode, WaybillError } from '@waybill/shared/base/errors';
import { formatClusterTime } from '@waybill/shared/base/position';
import { writerName } from '@waybill/shared/base/process-identity';
import type { Bucket } from '@waybill/shared/bucket/bucket';
import type { CommitBody, Milestone, MilestoneName } from '@waybill/shared/manifest/commit';
import type { DeadLetterFile } from '@waybill/shared/manifest/dead-letter-file';
import { loadPrefix } from '@waybill/shared/manifest/keys';
import { milestoneOf, type StreamState } from '@waybill/shared/manifest/state';
import { ManifestWriter } from '@waybill/shared/manifest/writer';
import type { LaneCursor } from './progress.ts';

export interface LoadLogOptions {
  readonly bucket: Bucket;
  readonly stream: string;
  readonly load: string;
  /** Goes into the commit that takes the log over. */
  readonly milestone?: (epoch: number) => Omit<Milestone, 'at'>;
  /** Ends the taking over. */
  readonly signal: AbortSignal;
  /** Comes later than the signal. Ends a record under way. */
  readonly giveUp: AbortSignal;
  /**
   * Milestones that are recorded with the epoch, made from the log as it is then. May throw, so
   * that the log is not taken over. Where two starts decide here at the same moment, only one of
   * them gets its way.
   */
  readonly first: (log: StreamState) => readonly Milestone[];
}

/**
 * The load's own log in the bucket, with its epochs and milestones. The log gives the epoch: when
 * two loaders start at once, one is fenced before it touches the target.
 */
export class LoadLog {
  readonly #writer: ManifestWriter;
  readonly #giveUp: AbortSignal;

  private constructor(writer: ManifestWriter, giveUp: AbortSignal) {
    this.#writer = writer;
    this.#giveUp = giveUp;
  }

  static async acquire(options: LoadLogOptions): Promise<LoadLog> {
    const writer = `${writerName()}:${randomBytes(4).toString('hex')}`;
    const { bucket, stream, load, signal, giveUp, first } = options;
    const prefix = loadPrefix(stream, load);
    const body = (state: StreamState): CommitBody => {
      const milestones = first(state);
      return milestones.length > 0 ? { milestones } : {};
    };
    return new LoadLog(await ManifestWriter.acquire({ bucket, prefix, writer, body, signal }), giveUp);
  }

  get epoch(): number {
    return this.#writer.epoch;
  }

  get state(): StreamState {
    return this.#writer.state;
  }

  latest(name: MilestoneName): Milestone | undefined {
    return milestoneOf(this.#writer.state, name);
  }

  /** @throws LOAD_FENCED */
  async record(
    name: MilestoneName,
    cursor: Pick<LaneCursor, 'clusterTime' | 'sequence'> | null,
    evidence: Milestone['evidence'] = {},
  ): Promise<void> {
    const clusterTime = cursor?.clusterTime ? formatClusterTime(cursor.clusterTime) : null;
    await this.recordAll([{ name, clusterTime, sequence: cursor?.sequence ?? null, evidence }]);
  }

  /** In one commit. @throws LOAD_FENCED */
  recordAll(milestones: readonly Omit<Milestone, 'at'>[]): Promise<void> {
    return this.#commit({ milestones: milestones.map(dated) });
  }

  /** Makes a file of dead letters count. @throws LOAD_FENCED */
  recordLetters(deadLetters: DeadLetterFile): Promise<void> {
    return this.#commit({ deadLetters });
  }

  async #commit(body: CommitBody): Promise<void> {
    try {
      await this.#writer.commit(body, this.#giveUp);
    } catch (error) {
      throw asLoadError(error);
    }
  }

  /** Reads what others noted, for instance a cutover. @throws LOAD_FENCED */
  async poll(signal: AbortSignal): Promise<void> {
    try {
      await this.#writer.poll(signal);
    } catch (error) {
      throw asLoadError(error);
    }
  }

  close(): Promise<void> {
    return this.#writer.close();
  }
}

function dated(milestone: Omit<Milestone, 'at'>): Milestone {
  const { name, ...rest } = milestone;
  return { name, at: new Date().toISOString(), ...rest };
}

function asLoadError(error: unknown): unknown {
  if (!hasCode(error, 'MANIFEST_FENCED')) return error;
  return new WaybillError('LOAD_FENCED', error.message, { hint: error.hint, cause: error });
}

/**
 * Whether the load has reached a milestone. `indexes-built` is also recorded for an index that is
 * held back again. That says nothing of the other indexes, and may come before any is built.
 */
export function hasReached({ milestones }: StreamState, name: MilestoneName): boolean {
  return milestones.some((each) => each.name === name && each.evidence?.heldBackAgain !== true);
}
