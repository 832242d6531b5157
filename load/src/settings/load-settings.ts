import { WaybillError } from '@waybill/shared/base/errors';
import type { ClusterTime } from '@waybill/shared/base/position';
import { parseWriteConcern } from './write-concern.ts';

/**
 * The last record of a load that is to stop at a moment of the stream: the one of that sequence, or
 * the last one of that cluster time. It may lie inside a commit. All records of a transaction carry
 * the time of its commit, so a cluster time never splits one. A sequence names one record, and may.
 */
export type Moment = { readonly sequence: number } | { readonly clusterTime: ClusterTime };

/**
 * Where a load stops by itself. `drained`: everything up to the stream's `drained` milestone is
 * applied; cutover waits for it.
 */
export type LoadUntil = 'snapshot-applied' | 'caught-up' | 'drained' | Moment;

/**
 * What a load does, with every setting given; {@link resolveLoadSettings} fills in the defaults.
 */
export interface LoadSettings {
  readonly stream: string;
  /** The load's name within the stream and on the target: letters, digits, `.`, `_` and `-`. */
  readonly load: string;
  /**
   * Namespaces to take of the stream, and to leave. Both empty: as the load was started, or
   * everything ({@link LoadFilter}).
   */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  /**
   * Rules for the target's names (mapping/name-mapping.ts). Empty: as the load was started, or the
   * source's own names.
   */
  readonly map: readonly string[];
  /** A new load may have patterns that name nothing in the stream. */
  readonly allowEmpty: boolean;
  /** How long the load waits for a stream that is not there yet, in milliseconds. */
  readonly waitForStream: number;
  /** Null: it follows the stream until it is stopped. */
  readonly until: LoadUntil | null;
  /**
   * When secondary indexes are built. `last`: once drained, or by cutover. `none`: never, also not
   * by cutover.
   */
  readonly indexes: 'after-snapshot' | 'last' | 'none';
  readonly ddl: 'apply' | 'halt' | 'ignore';
  readonly allowDrop: boolean;
  /**
   * The most records that the target refused and that are put aside at any time. With one more the
   * load stops. 0: it stops at the first. Infinity: there is no limit.
   */
  readonly maxDeadLetters: number;
  /**
   * The database on the target that holds our progress. Null: the one that the load began with, or
   * `waybill`.
   */
  readonly progressDatabase: string | null;
  /** Write commands in flight at once. */
  readonly workers: number;
  /** {@link parseRateLimit}. Null: no limit. What `waybill control` has set comes before it. */
  readonly maxWriteRate: string | null;
  /** Bytes that a document may have on the target. Null: as many as the server says. */
  readonly maxDocumentSize: number | null;
  /** Who acknowledges batches: {@link parseWriteConcern}. Progress waits for a majority. */
  readonly writeConcern: string;
  /** Snapshot segments read at once. Memory holds each of them, compressed, while it is applied. */
  readonly openSegments: number;
  readonly snapshotBatchDocuments: number;
  readonly snapshotBatchBytes: number;
  readonly batchRecords: number;
  readonly batchSize: number;
  /**
   * A window holds commits with up to this many bytes of documents: a load that is behind coalesces
   * more.
   */
  readonly windowBytes: number;
  /** Windows in memory at once: one applied while the next is read. */
  readonly windows: number;
  /** Segments are fetched this many bytes ahead of their turn; at least one, however large. */
  readonly readAheadBytes: number;
  /** How long a document waits for its key in a unique index that the load does not own. */
  readonly conflictMs: number;
  /** How often the load looks at a manifest with nothing new, in milliseconds. */
  readonly pollMs: number;
  /** The same when nothing has changed for long. */
  readonly idlePoll: number;
  /** Ownership is confirmed this often, in milliseconds. */
  readonly confirmMs: number;
  /**
   * No batch is sent if the last confirmation is older than this, in milliseconds. A new owner
   * waits this long.
   */
  readonly leaseMs: number;
  /** The server gives a write up after this, in milliseconds. */
  readonly maxWriteMs: number;
}

const MEBIBYTE = 1 << 20;

export const LOAD_DEFAULTS = {
  stream: 'default',
  load: 'default',
  include: [],
  exclude: [],
  map: [],
  allowEmpty: false,
  waitForStream: 60_000,
  until: null,
  indexes: 'after-snapshot',
  ddl: 'apply',
  allowDrop: false,
  maxDeadLetters: 0,
  progressDatabase: null,
  workers: 6,
  maxWriteRate: null,
  maxDocumentSize: null,
  writeConcern: 'majority',
  openSegments: 2,
  snapshotBatchDocuments: 1000,
  snapshotBatchBytes: 2 * MEBIBYTE,
  batchRecords: 5000,
  batchSize: 8 * MEBIBYTE,
  windowBytes: 16 * MEBIBYTE,
  windows: 2,
  readAheadBytes: 16 * MEBIBYTE,
  conflictMs: 5000,
  pollMs: 200,
  idlePoll: 2000,
  confirmMs: 2000,
  leaseMs: 5000,
  maxWriteMs: 60_000,
} as const satisfies LoadSettings;

/** @throws CONFIG_INVALID */
export function resolveLoadSettings(given: Partial<LoadSettings>): LoadSettings {
  const defined = Object.entries(given).filter(([, value]) => value !== undefined);
  const settings: LoadSettings = { ...LOAD_DEFAULTS, ...Object.fromEntries(defined) };
  // The name is a folder of the bucket, and the head of keys that are read by range.
  if (!/^[A-Za-z0-9._-]{1,100}$/.test(settings.load) || /^\.+$/.test(settings.load)) {
    throw new WaybillError(
      'CONFIG_INVALID',
      `the name of a load cannot be ${JSON.stringify(settings.load)}`,
      {
        hint: 'Use letters, digits, dots, underscores and hyphens.',
      },
    );
  }
  parseWriteConcern(settings.writeConcern);
  if (settings.confirmMs * 2 > settings.leaseMs) {
    throw new WaybillError('CONFIG_INVALID', 'confirmMs must be at most half of leaseMs');
  }
  return settings;
}
