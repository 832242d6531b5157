import type { CallOptions } from './bucket.ts';

/**
 * What the options `--bucket-…` say about a store in a cloud. Credentials are not among them: each
 * SDK finds its own.
 */
export interface StoreOptions {
  /** URL of the service; the cloud's own by default. */
  readonly endpoint?: string | undefined;
  readonly region?: string | undefined;
  /** S3: the bucket's name in the path. Where it is not true the endpoint decides. */
  readonly pathStyle?: boolean | undefined;
  /** Encrypts new objects. */
  readonly kmsKey?: string | undefined;
  /** Of new objects of {@link STORAGE_CLASS_FROM_BYTES} and more. */
  readonly storageClass?: string | undefined;
  /** GCS: the project that pays. S3: anything here agrees to pay as the requester. */
  readonly userProject?: string | undefined;
  /** PEM, trusted besides the system's authorities. */
  readonly caFile?: string | undefined;
  /**
   * A connection on which nothing comes or goes for this long is given up, in milliseconds; default
   * {@link DEFAULT_TIMEOUT_MS}.
   */
  readonly timeoutMs?: number | undefined;
  /**
   * The operator's word that there is one writer: the probe may let a store pass that has no
   * put-if-absent.
   */
  readonly unsafeSingleWriter?: boolean | undefined;
}

export interface OpenBucketOptions extends CallOptions {
  /** For the stores of the clouds; a folder has none. */
  readonly store?: StoreOptions | undefined;
}

/**
 * The cheaper classes bill every object as at least this large, and every read of it; so what is
 * small and read often, the manifest, stays in the bucket's own class.
 */
export const STORAGE_CLASS_FROM_BYTES = 128 * 1024;

export const DEFAULT_TIMEOUT_MS = 30_000;
