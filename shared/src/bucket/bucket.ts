import type { RetryBudget } from '../base/retry.ts';

/**
 * The bucket: where a stream's files live. Every store keeps the contract of this interface, and
 * `contract.ts` checks it. Code above it never knows which store it has.
 *
 * Keys are `/`-separated, relative to the bucket's prefix, without a leading slash, `.` or `..`
 * parts.
 *
 * Errors, all of them `WaybillError`s that name the key:
 *   BUCKET_OBJECT_EXISTS   a put-if-absent found an object there. The object is unharmed.
 *   BUCKET_OBJECT_MISSING  get, stream: no such object.
 *   BUCKET_RANGE_INVALID   a range that does not lie within the object.
 *   BUCKET_MISSING         the store has no bucket of that name.
 *   BUCKET_FEATURE_MISSING the store cannot do what the contract asks; the message names it.
 *   BUCKET_ACCESS_DENIED   the store refuses us, or a filesystem has no hard links.
 *   BUCKET_KEY_INVALID     the key breaks the rule above, or this store cannot hold it.
 *   BUCKET_UNAVAILABLE     kind `transient`: the same call may succeed later.
 * An aborted signal rejects with the signal's reason.
 */
export interface Bucket {
  /** For people: where this is, without credentials. */
  readonly url: string;

  /**
   * Writes one object, whole or not at all: no reader ever sees a part of it, and once the promise
   * is fulfilled the object survives a crash of this machine. With `ifAbsent` at most one of any
   * number of concurrent puts of a key succeeds. Without it an existing object is replaced. A
   * rejected put with kind `transient` may still have happened (a time-out after success): read
   * back before deciding.
   */
  put(key: string, body: Uint8Array | AsyncIterable<Uint8Array>, options?: PutOptions): Promise<void>;

  /** The object's bytes, or exactly the range asked for. */
  get(key: string, options?: GetOptions): Promise<Buffer>;

  /** The same in pieces of bounded size, for objects that should not be held whole. */
  stream(key: string, options?: GetOptions): AsyncIterable<Buffer>;

  /** Size and age, or null where there is no such object. */
  head(key: string, options?: CallOptions): Promise<ObjectInfo | null>;

  /**
   * Every object whose key starts with `prefix` and sorts after `startAfter`, in the order of the
   * keys' UTF-8 bytes.
   */
  list(prefix: string, options?: ListOptions): AsyncIterable<ObjectInfo>;

  /** Idempotent: deleting what is not there succeeds. */
  delete(key: string, options?: CallOptions): Promise<void>;

  /**
   * Removes what uploads of ours that never ended have left behind below `prefix`, where they began
   * more than `olderThanMs` ago. Never an object, no upload that may still be under way, and none
   * of somebody else's. Only for who owns a stream, or has been told to clean one up: opening a
   * bucket, and reading it, removes nothing. Returns how many.
   */
  removeUnfinished(prefix: string, options: UnfinishedOptions): Promise<number>;

  /**
   * True once the probe has let a store pass by the operator's word that has no put-if-absent: such
   * a put then only looks first, which is no fence.
   */
  unfenced?: boolean | undefined;

  /**
   * A read costs neither money nor a round trip. Then the writer of a log looks, before each
   * commit, whether the one before it still stands.
   */
  readonly looksAreFree?: boolean | undefined;

  close(): Promise<void>;
}

/** For code that only reads objects whose keys it knows. */
export type ObjectReader = Pick<Bucket, 'get'>;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /**
   * Of a caller that tries the whole call again. The call starts no attempt of its own after its
   * end.
   */
  readonly budget?: RetryBudget | undefined;
}

export interface PutOptions extends CallOptions {
  readonly ifAbsent?: boolean | undefined;
}

export interface GetOptions extends CallOptions {
  readonly range?: ByteRange | undefined;
}

export interface ListOptions extends CallOptions {
  readonly startAfter?: string | undefined;
}

export interface UnfinishedOptions extends CallOptions {
  /** Not below {@link UNFINISHED_AGE_MS} while anybody writes. */
  readonly olderThanMs: number;
  /**
   * Whether an upload to that key can be ours, where uploads have keys: others use the bucket as
   * well.
   */
  readonly isOurs: (key: string) => boolean;
}

/** Far longer than any upload: an upload this old belongs to a process that is gone. */
export const UNFINISHED_AGE_MS = 24 * 60 * 60 * 1000;

/** `length` bytes from `offset`; at least one byte, all of them within the object. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface ObjectInfo {
  readonly key: string;
  readonly bytes: number;
  /** Milliseconds since 1970, by the store's clock. */
  readonly modifiedAt: number;
}
