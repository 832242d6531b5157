/**
 * All names of a stream's objects in its bucket (design: the bucket format). A *prefix* is the
 * folder of one log, without a slash at the end: `<stream>`, or `<stream>/loads/<load>`. Segment
 * keys are relative to the stream's prefix.
 */
import { createHash, randomBytes } from 'node:crypto';
import { WaybillError } from '../base/errors.ts';
import { type ClusterTime, clusterTimeSeconds } from '../base/position.ts';

const NAME = /^[A-Za-z0-9._-]{1,64}$/;
const NUMBER_DIGITS = 20;
const SEGMENT_FILE =
  /\/segments\/(?:snapshot\/[^/]+\/\d{6,}-\d{4,}|changes\/[\d/]+\/\d{20})-(\d+)-[0-9a-f]{12}\.[a-z.]+$/;
const DEAD_LETTERS_FILE = /\/dead-letters\/\d{20}-(\d+)-[0-9a-f]{12}\.jsonl$/;
/** A file's name may have 255 bytes. Escaping can turn one byte of a namespace into three. */
const NAMESPACE_CHARACTERS = 180;

/** True if a stream or a load may have this name. */
export function isName(name: string): boolean {
  return NAME.test(name) && !name.startsWith('.');
}

/** @throws CONFIG_INVALID */
export function assertName(what: 'stream' | 'load', name: string): void {
  if (isName(name)) return;
  throw new WaybillError('CONFIG_INVALID', `${JSON.stringify(name)} cannot name a ${what}`, {
    hint: `--${what} takes 1 to 64 letters, digits, dots, dashes or underscores, and no dot in front.`,
  });
}

export function streamPrefix(stream: string): string {
  assertName('stream', stream);
  return stream;
}

export function loadPrefix(stream: string, load: string): string {
  assertName('load', load);
  return `${streamPrefix(stream)}/loads/${load}`;
}

export function loadsPrefix(stream: string): string {
  return `${streamPrefix(stream)}/loads/`;
}

export const identityKey = (prefix: string): string => `${prefix}/stream.json`;
export const manifestPrefix = (prefix: string): string => `${prefix}/manifest/`;
export const commitKey = (prefix: string, seq: number): string =>
  `${manifestPrefix(prefix)}${numbered(seq)}.json`;
export const checkpointsPrefix = (prefix: string): string => `${prefix}/checkpoints/`;
export const checkpointKey = (prefix: string, seq: number): string =>
  `${checkpointsPrefix(prefix)}${numbered(seq)}.json`;

/** The number in a commit's or checkpoint's key; undefined for any other name. */
export function numberInKey(key: string): number | undefined {
  const digits = /\/(\d{20})\.json$/.exec(key)?.[1];
  const number = digits === undefined ? undefined : Number(digits);
  return number !== undefined && Number.isSafeInteger(number) && number > 0 ? number : undefined;
}

export interface SnapshotSegmentName {
  readonly namespace: string;
  readonly chunk: number;
  readonly part: number;
  readonly epoch: number;
  /** As segment/extension.ts gives it, without the dot. */
  readonly extension: string;
}

/**
 * Makes a name that was never given out before: two writers, or two attempts, never meet in one
 * file (BF-1).
 */
export function newSnapshotSegmentKey(name: SnapshotSegmentName): string {
  const { namespace, chunk, part, epoch, extension } = name;
  const file = `${pad(chunk, 6)}-${pad(part, 4)}-${epoch}-${random()}.${extension}`;
  return `segments/snapshot/${namespacePart(namespace)}/${file}`;
}

export interface ChangeSegmentName {
  /** Cluster time of the first record; the folders are its hour in UTC. */
  readonly clusterTime: ClusterTime;
  readonly firstSequence: number;
  readonly epoch: number;
  readonly extension: string;
}

export function newChangeSegmentKey(name: ChangeSegmentName): string {
  const hour = new Date(clusterTimeSeconds(name.clusterTime) * 1000).toISOString();
  const folders = `${hour.slice(0, 4)}/${hour.slice(5, 7)}/${hour.slice(8, 10)}/${hour.slice(11, 13)}`;
  return `segments/changes/${folders}/${numbered(name.firstSequence)}-${name.epoch}-${random()}.${name.extension}`;
}

/** Relative to the load's folder. Never given out before, like a segment's. */
export function newDeadLettersKey(firstLetter: number, epoch: number): string {
  return `dead-letters/${numbered(firstLetter)}-${epoch}-${random()}.jsonl`;
}

export const deadLettersPrefix = (loadPrefix: string): string => `${loadPrefix}/dead-letters/`;
/** A file's key in the bucket, from its key in the load's log. */
export const deadLettersKey = (loadPrefix: string, entryKey: string): string => `${loadPrefix}/${entryKey}`;

export const segmentsPrefix = (streamPrefix: string): string => `${streamPrefix}/segments/`;

/**
 * The epoch of the writer that made up the key of a segment or a file of dead letters. Undefined if
 * no writer of ours made it up. Use it only to tell garbage by who can still commit it: readers
 * take nothing from a key.
 */
export function epochInKey(key: string): number | undefined {
  const digits = (SEGMENT_FILE.exec(key) ?? DEAD_LETTERS_FILE.exec(key))?.[1];
  const epoch = digits === undefined ? undefined : Number(digits);
  return Number.isSafeInteger(epoch) ? epoch : undefined;
}

/**
 * True if an object with this key can be one that we upload in parts: a segment, a commit or a
 * checkpoint.
 */
export function isUploadOfOurs(key: string): boolean {
  return epochInKey(key) !== undefined || numberInKey(key) !== undefined;
}

/** A segment's key in the bucket, from its key in the manifest. */
export const segmentKey = (streamPrefix: string, entryKey: string): string => `${streamPrefix}/${entryKey}`;

/** Names a report in its load's folder by its time and the command that made it. */
export function newReportName(at: Date, command: string): string {
  const time = at.toISOString().replace(/[-:]|\.\d+/g, '');
  return `reports/${time}-${command}-${random()}.json`;
}

export const reportKey = (loadPrefix: string, name: string): string => `${loadPrefix}/${name}`;

/**
 * Turns a namespace into one part of a key. It percent-encodes everything but letters, digits, `.`,
 * `-` and `_`. A long name is cut and gets a hash after `~`, which no encoded name holds. This part
 * is for people and globs; the manifest has the namespace.
 */
export function namespacePart(namespace: string): string {
  let encoded = '';
  for (const byte of Buffer.from(namespace)) {
    const character = String.fromCharCode(byte);
    encoded += /[A-Za-z0-9._-]/.test(character)
      ? character
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  encoded = encoded.replace(/^\./, '%2E');
  if (encoded.length <= NAMESPACE_CHARACTERS) return encoded;
  const hash = createHash('sha256').update(namespace).digest('hex').slice(0, 16);
  return `${encoded.slice(0, NAMESPACE_CHARACTERS).replace(/%[0-9A-F]?$/, '')}~${hash}`;
}

function numbered(number: number): string {
  if (!Number.isSafeInteger(number) || number < 1) {
    throw new WaybillError('INTERNAL', `${number} is not a number of a commit or a sequence`);
  }
  return pad(number, NUMBER_DIGITS);
}

const pad = (number: number, digits: number): string => String(number).padStart(digits, '0');
const random = (): string => randomBytes(6).toString('hex');
