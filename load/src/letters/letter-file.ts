/**
 * A file of dead letters: JSON Lines, first the index, then the record of each letter that it
 * opens. Bytes of BSON are base64, so that a record comes back exactly as it was captured. Pure.
 */
import { WaybillError } from '@waybill/shared/base/errors';
import { formatClusterTime } from '@waybill/shared/base/position';
import type { DataRecord } from '@waybill/shared/base/record';
import type { DeadLetterFile, LetterCounts, LetterEnd } from '@waybill/shared/manifest/dead-letter-file';
import { addCounts, NO_LETTERS } from '@waybill/shared/manifest/dead-letters';
import { sha256 } from '@waybill/shared/manifest/sealed-json';
import type { IndexLine } from './letter.ts';

/** A record as a file holds it. */
export interface LetterRecord {
  readonly operation: DataRecord['operation'];
  readonly namespace: string;
  readonly collectionUuid: string | null;
  /** Null for a document of the snapshot. */
  readonly clusterTime: string | null;
  readonly wallTime: number | null;
  readonly transaction: { readonly session: string; readonly number: string } | null;
  readonly documentKey: string;
  readonly document: string | null;
  readonly documentOrigin: DataRecord['documentOrigin'];
  readonly update: string | null;
  readonly before: string | null;
}

export function letterRecord(record: DataRecord): LetterRecord {
  const { transaction, operation, namespace, wallTime, documentOrigin, sequence } = record;
  return {
    operation,
    namespace,
    collectionUuid: record.collectionUuid && Buffer.from(record.collectionUuid).toString('hex'),
    clusterTime: sequence === 0 ? null : formatClusterTime(record.clusterTime),
    wallTime,
    transaction: transaction && {
      session: Buffer.from(transaction.session).toString('hex'),
      number: String(transaction.number),
    },
    documentKey: base64(record.documentKey),
    document: record.document && base64(record.document),
    documentOrigin,
    update: record.update && base64(record.update),
    before: record.before && base64(record.before),
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64');
}

/** A line, and the rules of the letters that it ends. */
export interface CountedLine {
  readonly line: IndexLine;
  readonly ends: readonly { readonly rule: string; readonly as: LetterEnd }[];
}

/** `records` are those of the letters that the lines open, in their order. */
export function encodeLetterFile(
  key: string,
  firstLetter: number,
  lines: readonly CountedLine[],
  records: readonly LetterRecord[],
): { readonly bytes: Buffer; readonly entry: DeadLetterFile } {
  const index = jsonLines(lines.map(({ line }) => line));
  const body = jsonLines(records.map((record, at) => ({ letter: firstLetter + at, record })));
  const bytes = Buffer.concat([index, body]);
  const entry = {
    key,
    bytes: bytes.length,
    sha256: sha256(bytes),
    indexBytes: index.length,
    indexSha256: sha256(index),
    firstLetter,
    letters: records.length,
    rules: countsOf(lines),
  };
  return { bytes, entry };
}

function countsOf(lines: readonly CountedLine[]): Record<string, LetterCounts> {
  const rules: Record<string, LetterCounts> = {};
  const count = (rule: string, what: keyof LetterCounts): void => {
    rules[rule] = addCounts(rules[rule] ?? NO_LETTERS, { ...NO_LETTERS, [what]: 1 });
  };
  for (const { line, ends } of lines) {
    if ('letter' in line) count(line.letter.rule, 'opened');
    for (const { rule, as } of ends) count(rule, as);
  }
  return rules;
}

function jsonLines(values: readonly object[]): Buffer {
  return Buffer.from(values.map((value) => `${JSON.stringify(value)}\n`).join(''));
}

/** @throws SEGMENT_CORRUPT where the bytes are not those that the log names */
export function decodeIndex(bytes: Buffer, entry: DeadLetterFile): IndexLine[] {
  if (bytes.length !== entry.indexBytes || sha256(bytes) !== entry.indexSha256) throw damaged(entry.key);
  return parsedLines(bytes) as IndexLine[];
}

/** By letter. @throws SEGMENT_CORRUPT as for {@link decodeIndex} */
export function decodeRecords(bytes: Buffer, entry: DeadLetterFile): ReadonlyMap<number, LetterRecord> {
  if (bytes.length !== entry.bytes || sha256(bytes) !== entry.sha256) throw damaged(entry.key);
  const lines = parsedLines(bytes.subarray(entry.indexBytes));
  return new Map(
    (lines as { letter: number; record: LetterRecord }[]).map(({ letter, record }) => [letter, record]),
  );
}

function parsedLines(bytes: Buffer): unknown[] {
  return bytes
    .toString('utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line));
}

function damaged(key: string): WaybillError {
  return new WaybillError('SEGMENT_CORRUPT', `the file of dead letters ${key} is not what its log names`, {
    hint: 'Restore the file from a copy of the bucket, byte for byte. waybill fsck names all that is damaged.',
    context: { key },
  });
}
