/**
 * Converts commits, checkpoints and stream.json between objects and bytes (BF-4, BF-6). Everything
 * decoded here has been checked: the seal is whole, this reader knows the version and the features,
 * and the shape is right.
 */
import type { z } from 'zod';
import { WaybillError } from '../base/errors.ts';
import type { Commit, StreamIdentity } from './commit.ts';
import { DEAD_LETTERS_FEATURE } from './dead-letters.ts';
import { checkpointSchema, commitSchema, FORMAT_VERSION, identitySchema } from './schema.ts';
import { sealJson, sha256, unsealJson } from './sealed-json.ts';

/** Features that this version of Waybill reads. */
const FEATURES: readonly string[] = [DEAD_LETTERS_FEATURE];

/** A commit with its proof: the hash that its successor must carry. */
export interface ChainedCommit {
  readonly commit: Commit;
  /** SHA-256 of the commit's bytes, hex. */
  readonly hash: string;
  /** Size of the commit itself. */
  readonly bytes: number;
}

export type Checkpoint = z.infer<typeof checkpointSchema>;

/** Names the file in messages: `commit 17`. */
type What = string;

/**
 * Puts the commit's fields into the schema's order, which decides its bytes.
 * @throws INTERNAL if no reader would accept it
 */
export function canonicalCommit(commit: Commit): Commit {
  return canonical(commitSchema, commit, `commit ${commit.seq}`);
}

/**
 * Does not check the chain: the fold does.
 * @throws MANIFEST_CORRUPT, FORMAT_UNSUPPORTED
 */
export function decodeCommit(bytes: Uint8Array, seq: number, key: string): ChainedCommit {
  const what = `commit ${seq}`;
  const commit = decode(commitSchema, bytes, what, key);
  if (commit.seq !== seq) throw corrupt(what, `it says that it is commit ${commit.seq}`, key);
  return { commit, hash: sha256(bytes), bytes: bytes.length };
}

export function encodeIdentity(identity: StreamIdentity): Buffer {
  return sealJson(canonical(identitySchema, identity, 'stream.json'));
}

export function decodeIdentity(bytes: Uint8Array, key: string): StreamIdentity {
  return decode(identitySchema, bytes, 'stream.json', key);
}

/**
 * Does not validate: a checkpoint may be large, and its parts came through the schemas as commits.
 */
export function encodeCheckpoint(checkpoint: Checkpoint): Buffer {
  return sealJson(checkpoint);
}

export function decodeCheckpoint(bytes: Uint8Array, seq: number, key: string): Checkpoint {
  const what = `checkpoint ${seq}`;
  const checkpoint = decode(checkpointSchema, bytes, what, key);
  if (checkpoint.seq !== seq) throw corrupt(what, `it says that it is checkpoint ${checkpoint.seq}`, key);
  return checkpoint;
}

export function corrupt(what: What, fault: string, key?: string): WaybillError {
  return new WaybillError('MANIFEST_CORRUPT', `${what} of the manifest cannot be used: ${fault}`, {
    hint: 'Nothing from there on was applied. Restore the file from a copy of the bucket, or start a new stream.',
    context: { key },
  });
}

function canonical<T extends z.ZodType<object>>(schema: T, value: unknown, what: What): z.infer<T> {
  const parsed = schema.safeParse(value);
  if (!parsed.success) {
    throw new WaybillError('INTERNAL', `${what} cannot be written: ${fieldFault(parsed.error)}`);
  }
  return parsed.data;
}

function decode<T extends z.ZodType<object>>(
  schema: T,
  bytes: Uint8Array,
  what: What,
  key: string,
): z.infer<T> {
  const unsealed = unsealJson(bytes);
  if ('fault' in unsealed) throw corrupt(what, unsealed.fault, key);
  assertReadable(unsealed.value, what, key);
  const parsed = schema.safeParse(unsealed.value);
  if (parsed.success) return parsed.data;
  const foreign = parsed.error.issues.find((issue) => issue.code === 'unrecognized_keys');
  if (foreign) throw unsupported(what, `the field ${[...foreign.path, foreign.keys[0]].join('.')}`, key);
  throw corrupt(what, fieldFault(parsed.error), key);
}

/**
 * BF-6: runs before any other field is believed, so that a newer format is reported as newer and
 * not as damaged.
 */
function assertReadable(value: Record<string, unknown>, what: What, key: string): void {
  const { formatVersion, features } = value;
  if (typeof formatVersion !== 'number' || !Number.isSafeInteger(formatVersion) || formatVersion < 1) {
    throw corrupt(what, 'it has no format version', key);
  }
  if (formatVersion !== FORMAT_VERSION) throw unsupported(what, `format version ${formatVersion}`, key);
  if (!Array.isArray(features)) throw corrupt(what, 'it has no list of features', key);
  const lacking = features.find((feature) => !FEATURES.includes(String(feature)));
  if (lacking !== undefined) throw unsupported(what, `the feature ${JSON.stringify(lacking)}`, key);
}

function unsupported(what: What, lacking: string, key: string): WaybillError {
  return new WaybillError(
    'FORMAT_UNSUPPORTED',
    `${what} needs ${lacking}, which this version does not know`,
    {
      hint: 'Upgrade Waybill here to the version that writes the stream, or a later one.',
      context: { key },
    },
  );
}

/** Names the first fault by path and rule, never by value. */
function fieldFault(error: z.ZodError): string {
  const issue = error.issues[0]!;
  const path = issue.path.map(String).join('.');
  return `${path === '' ? 'the object' : `the field ${path}`} is wrong (${issue.code})`;
}
