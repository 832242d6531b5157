/** What a write command's reply says: it succeeds even where every single write was refused. */
import { asBuffer, elements, findElement } from '@waybill/shared/bson/raw';
import { serverText } from '@waybill/shared/mongo/driver/classify';
import { type CommandReply, replyNumber } from '@waybill/shared/mongo/driver/reply';
import { isTransientServerCode, SERVER_CODES } from '@waybill/shared/mongo/driver/server-codes';
import type { StatementFailure } from '../target.ts';

interface WriteFailure {
  /** Index of the statement within the command. */
  readonly index: number;
  readonly code: number;
  /** The server's words without the values they quote. */
  readonly message: string;
  /** DuplicateKey only: the name of the index that refused, as far as the server says it. */
  readonly duplicateIndex: string | undefined;
}

export interface WriteConcernFailure {
  readonly code: number;
  readonly codeName: string | undefined;
  readonly message: string;
  readonly transient: boolean;
}

export interface WriteOutcome {
  /** Documents inserted, matched or upserted, or deleted. */
  readonly n: number;
  readonly nModified: number | undefined;
  readonly writeErrors: readonly WriteFailure[];
  readonly writeConcernError: WriteConcernFailure | null;
}

export function writeOutcome(reply: CommandReply): WriteOutcome {
  const { writeErrors, writeConcernError } = reply;
  return {
    n: replyNumber(reply, 'n') ?? 0,
    nModified: replyNumber(reply, 'nModified'),
    writeErrors: Array.isArray(writeErrors) ? writeErrors.filter(Buffer.isBuffer).map(writeFailure) : [],
    writeConcernError: Buffer.isBuffer(writeConcernError) ? concernFailure(writeConcernError) : null,
  };
}

function writeFailure(entry: Buffer): WriteFailure {
  const code = numberIn(entry, 'code');
  const said = textIn(entry, 'errmsg');
  return {
    index: numberIn(entry, 'index'),
    code,
    message: serverText(said, code),
    duplicateIndex: code === SERVER_CODES.DuplicateKey ? duplicateIndex(said) : undefined,
  };
}

/**
 * `E11000 duplicate key error collection: db.c index: NAME dup key: {…}`; a collation may stand
 * after the name, which may hold spaces.
 */
function duplicateIndex(message: string): string | undefined {
  return /\bindex: (.+?)(?: collation:.*?)?(?: dup key|$)/s.exec(message)?.[1];
}

function concernFailure(entry: Buffer): WriteConcernFailure {
  const code = numberIn(entry, 'code');
  const codeName = textIn(entry, 'codeName');
  return {
    code,
    codeName: codeName === '' ? undefined : codeName,
    message: serverText(textIn(entry, 'errmsg'), code),
    transient: isTransientServerCode(code) || hasRetryLabel(entry),
  };
}

export function statementFailure({ index, code, duplicateIndex, message }: WriteFailure): StatementFailure {
  return {
    index,
    code,
    message,
    // A clustered collection's key has no index of its own, and so no name.
    duplicateId:
      code === SERVER_CODES.DuplicateKey && (duplicateIndex === undefined || duplicateIndex === '_id_'),
    indexName: duplicateIndex,
  };
}

function hasRetryLabel(entry: Buffer): boolean {
  const labels = findElement(entry, 'errorLabels');
  if (!labels) return false;
  for (const label of elements(labels.bytes)) if (text(label.bytes) === 'RetryableWriteError') return true;
  return false;
}

function textIn(document: Buffer, name: string): string {
  const element = findElement(document, name);
  return element?.type === 2 ? text(element.bytes) : '';
}

function text(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('utf8', 4, Math.max(4, bytes.length - 1));
}

function numberIn(document: Buffer, name: string): number {
  const element = findElement(document, name);
  if (!element) return -1;
  const bytes = asBuffer(element.bytes);
  switch (element.type) {
    case 0x10:
      return bytes.readInt32LE(0);
    case 0x12:
      return Number(bytes.readBigInt64LE(0));
    case 0x01:
      return bytes.readDoubleLE(0);
    default:
      return -1;
  }
}
